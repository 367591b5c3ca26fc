"""An environment called just what was typed is found through an index, also by its display name."""

from django.db import migrations, models
from django.db.models import F, Q
from django.db.models.functions import Lower


class Migration(migrations.Migration):
    dependencies = [("environments", "0014_heartbeat_of_control")]
    operations = [
        migrations.AddIndex(
            "environment",
            models.Index(
                F("organization"),
                Lower("display_name"),
                condition=Q(deleted_at__isnull=True),
                name="environment_by_display_name",
            ),
        ),
    ]
