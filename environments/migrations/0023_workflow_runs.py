"""Runs of workflows and agents, and what they were given."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("environments", "0022_team_and_agent_environments"),
        ("projects", "0011_teams_agents_workflows"),
    ]

    operations = [
        migrations.AddField(
            model_name="run",
            name="agent",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="runs",
                to="projects.agent",
            ),
        ),
        migrations.AddField(
            model_name="run",
            name="inputs",
            field=models.JSONField(blank=True, db_default={}, default=dict),
        ),
        migrations.AddField(
            model_name="run",
            name="workflow",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="runs",
                to="projects.workflow",
            ),
        ),
        migrations.AlterField(
            model_name="run",
            name="kind",
            field=models.CharField(
                choices=[
                    ("provision", "Provision"),
                    ("start", "Start"),
                    ("stop", "Stop"),
                    ("terminate", "Terminate"),
                    ("prepare", "Prepare"),
                    ("deploy", "Deploy"),
                    ("restart", "Restart"),
                    ("fetch", "Fetch"),
                    ("workflow", "Workflow"),
                    ("agent", "Agent"),
                ],
                max_length=10,
            ),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                condition=models.Q(("workflow__isnull", False)),
                fields=["workflow", "-created_at", "-id"],
                name="run_newest_of_workflow",
            ),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                condition=models.Q(("agent__isnull", False)),
                fields=["agent", "-created_at", "-id"],
                name="run_newest_of_agent",
            ),
        ),
    ]
