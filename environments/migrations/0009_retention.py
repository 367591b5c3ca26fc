"""Write down every nightly sweep, and find what is too old by its age."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("environments", "0008_index_what_is_swept")]
    operations = [
        migrations.CreateModel(
            name="Sweep",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("started_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("freed", models.JSONField(default=dict)),
            ],
        ),
        migrations.AddIndex("sweep", models.Index(fields=["-started_at"], name="sweep_newest")),
        migrations.AddIndex(
            "run",
            models.Index(fields=["organization", "finished_at"], condition=Q(log_size__gt=0), name="run_logs_by_age"),
        ),
        migrations.AddIndex("servicelogchunk", models.Index(fields=["at"], name="service_log_by_age")),
    ]
