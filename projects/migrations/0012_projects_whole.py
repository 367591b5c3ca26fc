"""What projects are for, who sees them, and putting them away."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("projects", "0011_teams_agents_workflows"),
    ]

    operations = [
        migrations.CreateModel(
            name="DeletedPrivateProject",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
            ],
        ),
        migrations.AddField(
            model_name="project",
            name="archived_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="project",
            name="default_model",
            field=models.CharField(blank=True, default="", max_length=200),
        ),
        migrations.AddField(
            model_name="project",
            name="goals",
            field=models.TextField(blank=True, default=""),
        ),
        migrations.AddField(
            model_name="project",
            name="settings",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name="project",
            name="visibility",
            field=models.CharField(choices=[("org", "Org"), ("private", "Private")], default="org", max_length=7),
        ),
        migrations.AddIndex(
            model_name="project",
            index=models.Index(
                condition=models.Q(("visibility", "private")), fields=["organization", "id"], name="project_private"
            ),
        ),
        migrations.AddConstraint(
            model_name="project",
            constraint=models.CheckConstraint(
                condition=models.Q(("visibility__in", ["org", "private"])), name="project_visibility_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="project",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("is_default", False), models.Q(("archived_at", None), ("visibility", "org")), _connector="OR"
                ),
                name="project_default_is_open",
            ),
        ),
        migrations.AddField(
            model_name="deletedprivateproject",
            name="organization",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="projects.organization"
            ),
        ),
        migrations.AddIndex(
            model_name="deletedprivateproject",
            index=models.Index(fields=["organization", "id"], name="deleted_private_project"),
        ),
    ]
