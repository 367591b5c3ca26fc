"""Bound a run's log, and remember since when something else is observed than what should be live."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("environments", "0003_integrity")]
    operations = [
        migrations.AddField("run", "log_size", models.PositiveIntegerField(default=0)),
        migrations.AddField("slot", "astray_since", models.DateTimeField(blank=True, null=True)),
    ]
