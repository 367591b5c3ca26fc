"""Variables and secrets in their scopes, the keys they are sealed with, and what an environment is based on."""

import uuid

import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("environments", "0015_search_display_names"),
        ("projects", "0011_teams_agents_workflows"),
    ]

    operations = [
        migrations.AddField(
            model_name="environment",
            name="based_on",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="heirs",
                to="environments.environment",
            ),
        ),
        migrations.CreateModel(
            name="DataKey",
            fields=[
                (
                    "organization",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="projects.organization",
                    ),
                ),
                ("wrapped", models.BinaryField()),
                ("wrapped_by", models.CharField(max_length=16)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("wrapped_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "indexes": [models.Index(fields=["wrapped_by", "organization"], name="data_key_by_master")],
            },
        ),
        migrations.CreateModel(
            name="Entry",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("kind", models.CharField(choices=[("variable", "Variable"), ("secret", "Secret")], max_length=8)),
                ("key", models.CharField(max_length=128)),
                ("description", models.TextField(blank=True, default="")),
                ("write_only", models.BooleanField(default=False)),
                ("rotate_on", models.DateField(blank=True, null=True)),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
                ("created_by", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "agent",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entries",
                        to="projects.agent",
                    ),
                ),
                (
                    "app",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entries",
                        to="projects.app",
                    ),
                ),
                (
                    "environment",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entries",
                        to="environments.environment",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="entries", to="projects.organization"
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entries",
                        to="projects.project",
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entries",
                        to="projects.team",
                    ),
                ),
                (
                    "within",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="projects.project",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="EntryVersion",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("number", models.PositiveIntegerField()),
                ("deleted", models.BooleanField(default=False)),
                (
                    "type",
                    models.CharField(
                        choices=[
                            ("text", "Text"),
                            ("number", "Number"),
                            ("boolean", "Boolean"),
                            ("json", "Json"),
                            ("url", "Url"),
                        ],
                        default="text",
                        max_length=8,
                    ),
                ),
                ("value", models.TextField(blank=True, default="")),
                ("sealed", models.BinaryField(null=True)),
                ("refers", models.BooleanField(default=False)),
                ("note", models.TextField(blank=True, default="")),
                ("restores", models.PositiveIntegerField(blank=True, null=True)),
                ("created_by", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_by", models.CharField(blank=True, default="", max_length=200)),
                ("destroyed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "entry",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="versions", to="environments.entry"
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="entry",
            name="current",
            field=models.OneToOneField(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="environments.entryversion"
            ),
        ),
        migrations.AddConstraint(
            model_name="entryversion",
            constraint=models.UniqueConstraint(fields=("entry", "number"), name="entry_version_number_unique"),
        ),
        migrations.AddIndex(
            model_name="entry",
            index=models.Index(fields=["organization", "created_at", "id"], name="entry_oldest"),
        ),
        migrations.AddIndex(
            model_name="entry",
            index=models.Index(
                models.F("organization"),
                django.db.models.functions.text.Upper("key"),
                models.F("id"),
                name="entry_by_key",
            ),
        ),
        migrations.AddIndex(
            model_name="entry",
            index=models.Index(fields=["environment", "organization"], name="entry_by_environment"),
        ),
        migrations.AddIndex(
            model_name="entry",
            index=models.Index(
                condition=models.Q(("rotate_on__isnull", False)),
                fields=["organization", "rotate_on"],
                name="entry_to_rotate",
            ),
        ),
        migrations.AddConstraint(
            model_name="entry",
            constraint=models.UniqueConstraint(
                condition=models.Q(("deleted_at__isnull", True)),
                fields=("organization", "project", "app", "team", "agent", "environment", "key"),
                name="entry_key_unique",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="entry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("app", None), ("project", None), ("team", None)),
                    models.Q(("agent", None), ("app", None), ("project", None)),
                    models.Q(("agent", None), ("project", None), ("team", None)),
                    models.Q(("agent", None), ("app", None), ("team", None)),
                    _connector="OR",
                ),
                name="entry_scope_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="entry",
            constraint=models.CheckConstraint(
                condition=models.Q(("key__regex", "^[A-Za-z_][A-Za-z0-9_]{0,127}$")), name="entry_key_is_a_name"
            ),
        ),
        migrations.AddConstraint(
            model_name="entry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("kind", "secret"), models.Q(("rotate_on", None), ("write_only", False)), _connector="OR"
                ),
                name="entry_variable_is_plain",
            ),
        ),
    ]
