"""Remember which token made a token, so that it ends with it. What was made before is taken for made by a person."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("projects", "0003_user_names")]
    operations = [
        migrations.AddField(
            "accesstoken",
            "made_by",
            models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="made",
                to="projects.accesstoken",
            ),
        ),
    ]
