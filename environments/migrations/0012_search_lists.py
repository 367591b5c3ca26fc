"""Lists of endpoints, runs and workers are read in their order and searched through an index."""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import migrations, models
from django.db.models import F, Q
from django.db.models.functions import Upper


class Migration(migrations.Migration):
    dependencies = [("environments", "0011_search"), ("projects", "0010_search_events")]
    operations = [
        migrations.AddIndex(
            "endpoint",
            models.Index(
                fields=["organization", "-created_at", "-id"],
                condition=Q(released_at__isnull=True),
                name="endpoint_newest",
            ),
        ),
        migrations.AddIndex(
            "endpoint",
            models.Index(
                fields=["organization", "port"], condition=Q(released_at__isnull=True), name="endpoint_by_port"
            ),
        ),
        migrations.AddIndex(
            "endpoint",
            GinIndex(F("organization"), OpClass(Upper("service"), name="gin_trgm_ops"), name="endpoint_by_service"),
        ),
        migrations.AddIndex(
            "run",
            GinIndex(F("organization"), OpClass(Upper("reason"), name="gin_trgm_ops"), name="run_by_reason"),
        ),
        migrations.AddIndex(
            "worker", models.Index(fields=["organization", "-registered_at", "-id"], name="worker_newest")
        ),
        migrations.AddIndex(
            "worker",
            GinIndex(F("organization"), OpClass(Upper("hostname"), name="gin_trgm_ops"), name="worker_by_hostname"),
        ),
    ]
