"""Find the answers that are not repeated any more without reading all of them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("projects", "0004_tokens_of_tokens")]
    operations = [
        migrations.AddIndex("idempotentanswer", models.Index(fields=["created_at"], name="idempotent_by_age")),
    ]
