"""Secrets may lie in a store elsewhere; a version's place there never changes, as nothing of it does (0017)."""

import uuid

import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
from django.db import migrations, models

GRANTS = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'towpath_app') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON environments_secretstore TO towpath_app;
    END IF;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("environments", "0023_workflow_runs"),
        ("projects", "0011_teams_agents_workflows"),
    ]

    operations = [
        migrations.AddField(
            model_name="entryversion",
            name="field",
            field=models.CharField(blank=True, default="", max_length=200),
        ),
        migrations.AddField(
            model_name="entryversion",
            name="path",
            field=models.CharField(blank=True, default="", max_length=400),
        ),
        migrations.CreateModel(
            name="SecretStore",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=64)),
                ("address", models.CharField(max_length=400)),
                ("mount", models.CharField(default="secret", max_length=200)),
                ("namespace", models.CharField(blank=True, default="", max_length=200)),
                ("auth", models.CharField(choices=[("token", "Token"), ("approle", "AppRole")], max_length=8)),
                ("credentials", models.BinaryField(null=True)),
                ("probed_at", models.DateTimeField(blank=True, null=True)),
                ("probe_code", models.CharField(blank=True, default="", max_length=32)),
                ("probe_error", models.TextField(blank=True, default="")),
                ("created_by", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="secret_stores",
                        to="projects.organization",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="entryversion",
            name="store",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="versions",
                to="environments.secretstore",
            ),
        ),
        migrations.AddConstraint(
            model_name="entryversion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("field", ""), ("path", ""), ("store", None)),
                    models.Q(
                        ("refers", False),
                        ("sealed", None),
                        ("store__isnull", False),
                        ("value", ""),
                        models.Q(("path", ""), _negated=True),
                        models.Q(("field", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="entry_version_lies_in_one_place",
            ),
        ),
        migrations.AddIndex(
            model_name="secretstore",
            index=models.Index(fields=["organization", "created_at", "id"], name="secret_store_oldest"),
        ),
        migrations.AddConstraint(
            model_name="secretstore",
            constraint=models.UniqueConstraint(
                models.F("organization"),
                django.db.models.functions.text.Lower("name"),
                condition=models.Q(("deleted_at__isnull", True)),
                name="secret_store_name_unique",
            ),
        ),
        migrations.AddConstraint(
            model_name="secretstore",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("credentials__isnull", False), ("deleted_at__isnull", True)),
                    models.Q(("credentials__isnull", True), ("deleted_at__isnull", False)),
                    _connector="OR",
                ),
                name="secret_store_has_credentials",
            ),
        ),
        migrations.RunSQL(GRANTS, migrations.RunSQL.noop),
    ]
