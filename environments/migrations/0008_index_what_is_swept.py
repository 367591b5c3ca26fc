"""Index what the scheduler looks for again and again: what is old enough to be forgotten, and files to take away."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("environments", "0007_ends_of_attempts")]
    operations = [
        migrations.AddIndex("sample", models.Index(fields=["at"], name="sample_oldest")),
        migrations.AddIndex("plan", models.Index(fields=["expires_at"], name="plan_oldest")),
        migrations.AddIndex(
            "endpoint",
            models.Index(
                fields=["host"],
                condition=Q(released_at__isnull=False, linked_at__isnull=False),
                name="endpoint_to_close",
            ),
        ),
    ]
