"""Teams, agents and workflows."""

import uuid

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("projects", "0010_search_events"),
    ]

    operations = [
        migrations.CreateModel(
            name="Team",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100)),
                ("description", models.TextField(blank=True, default="")),
                ("configuration", models.JSONField(blank=True, default=dict)),
                ("mcp_servers", models.JSONField(blank=True, default=dict)),
                ("required_secrets", models.JSONField(blank=True, default=list)),
                ("integration_ids", models.JSONField(blank=True, default=list)),
                ("created_by", models.CharField(blank=True, default="", max_length=200)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("archived_at", models.DateTimeField(blank=True, null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="teams", to="projects.organization"
                    ),
                ),
                ("projects", models.ManyToManyField(blank=True, related_name="teams", to="projects.project")),
            ],
        ),
        migrations.CreateModel(
            name="Agent",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100)),
                ("description", models.TextField(blank=True, default="")),
                ("model_id", models.CharField(blank=True, default="", max_length=200)),
                ("runtime", models.CharField(blank=True, default="", max_length=100)),
                ("runner_name", models.CharField(blank=True, default="", max_length=100)),
                (
                    "capabilities",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=100), blank=True, default=list, size=None
                    ),
                ),
                ("configuration", models.JSONField(blank=True, default=dict)),
                ("llm_config", models.JSONField(blank=True, default=dict)),
                ("system_prompt", models.TextField(blank=True, default="")),
                ("command", models.TextField(blank=True, default="")),
                ("mcp_servers", models.JSONField(blank=True, default=dict)),
                ("required_secrets", models.JSONField(blank=True, default=list)),
                ("integration_ids", models.JSONField(blank=True, default=list)),
                ("created_by", models.CharField(blank=True, default="", max_length=200)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("archived_at", models.DateTimeField(blank=True, null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="agents", to="projects.organization"
                    ),
                ),
                ("projects", models.ManyToManyField(blank=True, related_name="agents", to="projects.project")),
                (
                    "team",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="agents",
                        to="projects.team",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Workflow",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100)),
                ("description", models.TextField(blank=True, default="")),
                ("inputs", models.JSONField(blank=True, default=dict)),
                ("steps", models.JSONField(default=list)),
                ("created_by", models.CharField(blank=True, default="", max_length=200)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("archived_at", models.DateTimeField(blank=True, null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="workflows",
                        to="projects.organization",
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="workflows", to="projects.project"
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="team",
            index=models.Index(fields=["organization", "created_at", "id"], name="team_oldest"),
        ),
        migrations.AddIndex(
            model_name="team",
            index=models.Index(
                models.F("organization"),
                django.db.models.functions.text.Lower("name"),
                models.F("id"),
                name="team_by_name",
            ),
        ),
        migrations.AddIndex(
            model_name="team",
            index=django.contrib.postgres.indexes.GinIndex(
                models.F("organization"),
                django.contrib.postgres.indexes.OpClass(
                    django.db.models.functions.text.Upper("name"), name="gin_trgm_ops"
                ),
                name="team_by_words",
            ),
        ),
        migrations.AddConstraint(
            model_name="team",
            constraint=models.UniqueConstraint(
                models.F("organization"),
                django.db.models.functions.text.Lower("name"),
                condition=models.Q(("archived_at", None)),
                name="team_name_unique",
            ),
        ),
        migrations.AddIndex(
            model_name="agent",
            index=models.Index(fields=["organization", "created_at", "id"], name="agent_oldest"),
        ),
        migrations.AddIndex(
            model_name="agent",
            index=models.Index(
                models.F("organization"),
                django.db.models.functions.text.Lower("name"),
                models.F("id"),
                name="agent_by_name",
            ),
        ),
        migrations.AddIndex(
            model_name="agent",
            index=django.contrib.postgres.indexes.GinIndex(
                models.F("organization"),
                django.contrib.postgres.indexes.OpClass(
                    django.db.models.functions.text.Upper("name"), name="gin_trgm_ops"
                ),
                name="agent_by_words",
            ),
        ),
        migrations.AddConstraint(
            model_name="agent",
            constraint=models.UniqueConstraint(
                models.F("organization"),
                django.db.models.functions.text.Lower("name"),
                condition=models.Q(("archived_at", None)),
                name="agent_name_unique",
            ),
        ),
        migrations.AddIndex(
            model_name="workflow",
            index=models.Index(fields=["organization", "created_at", "id"], name="workflow_oldest"),
        ),
        migrations.AddIndex(
            model_name="workflow",
            index=models.Index(
                models.F("organization"),
                django.db.models.functions.text.Lower("name"),
                models.F("id"),
                name="workflow_by_name",
            ),
        ),
        migrations.AddIndex(
            model_name="workflow",
            index=django.contrib.postgres.indexes.GinIndex(
                models.F("organization"),
                django.contrib.postgres.indexes.OpClass(
                    django.db.models.functions.text.Upper("name"), name="gin_trgm_ops"
                ),
                name="workflow_by_words",
            ),
        ),
        migrations.AddConstraint(
            model_name="workflow",
            constraint=models.UniqueConstraint(
                models.F("project"),
                django.db.models.functions.text.Lower("name"),
                condition=models.Q(("archived_at", None)),
                name="workflow_name_unique",
            ),
        ),
    ]
