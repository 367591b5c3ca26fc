"""Give the built-in worker a token of its own, so that the one people are shown cannot take its place."""

import django.db.models.deletion
from django.db import migrations, models

KINDS = [("builtin", "Builtin"), ("joined", "Joined")]


class Migration(migrations.Migration):
    dependencies = [("environments", "0004_observation")]
    operations = [
        migrations.AddField("workertoken", "kind", models.CharField(choices=KINDS, default="joined", max_length=10)),
        migrations.AlterField(
            "workertoken",
            "environment",
            models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="worker_tokens",
                to="environments.environment",
            ),
        ),
        migrations.AddConstraint(
            "workertoken",
            models.UniqueConstraint(fields=("environment", "kind"), name="worker_token_one_of_a_kind"),
        ),
        # Backwards a place has one token again; the next start writes it into the built-in worker's file.
        migrations.RunSQL(migrations.RunSQL.noop, "DELETE FROM environments_workertoken WHERE kind = 'builtin'"),
    ]
