"""Keep how each attempt of a run ended, which the next one would otherwise wipe out."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("environments", "0006_service_output_in_all")]
    operations = [migrations.AddField("run", "ends", models.JSONField(db_default={}, default=dict))]
