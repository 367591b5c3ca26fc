"""What a deployment pins, and how many keys of it have been overtaken."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("environments", "0017_configuration_integrity"),
        ("projects", "0011_teams_agents_workflows"),
    ]

    operations = [
        migrations.AddField(
            model_name="deployment",
            name="configuration",
            field=models.CharField(
                choices=[("latest", "Latest"), ("pinned", "Pinned"), ("of_deployment", "Of Deployment")],
                default="latest",
                max_length=13,
            ),
        ),
        migrations.AddField(
            model_name="deployment",
            name="pins",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="deployment",
            name="pins_digest",
            field=models.CharField(blank=True, default="", max_length=64),
        ),
        migrations.AddField(
            model_name="entry",
            name="unsettled",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="environment",
            name="required_secrets",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=128), blank=True, default=list, size=None
            ),
        ),
        migrations.AddField(
            model_name="plan",
            name="configuration",
            field=models.CharField(
                choices=[("latest", "Latest"), ("pinned", "Pinned"), ("of_deployment", "Of Deployment")],
                default="latest",
                max_length=13,
            ),
        ),
        migrations.AddField(
            model_name="plan",
            name="configuration_from",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="environments.deployment",
            ),
        ),
        migrations.AddField(
            model_name="slot",
            name="overtaken",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddIndex(
            model_name="entry",
            index=models.Index(condition=models.Q(("unsettled", True)), fields=["updated_at"], name="entry_unsettled"),
        ),
    ]
