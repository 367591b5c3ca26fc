"""What is watched from outside: rounds of the scheduler, and the runs that ended in the last hour by an index."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("environments", "0009_retention")]
    operations = [
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                (
                    "name",
                    models.CharField(
                        choices=[("scheduler", "Scheduler")], max_length=20, primary_key=True, serialize=False
                    ),
                ),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.AddIndex("run", models.Index(fields=["finished_at"], name="run_ended")),
    ]
