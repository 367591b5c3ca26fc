"""Integrations, and the entries that come from one; both are of one organization, and what one is never changes."""

import uuid

import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
from django.db import migrations, models

GRANTS = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'towpath_app') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON environments_integration TO towpath_app;
    END IF;
END $$;
"""
TYPES = """
CREATE FUNCTION towpath_refuse_another_type() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.organization_id, OLD.type) IS DISTINCT FROM (NEW.organization_id, NEW.type) THEN
        RAISE EXCEPTION 'organization and type of an integration never change' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER integration_stays BEFORE UPDATE ON environments_integration
    FOR EACH ROW EXECUTE FUNCTION towpath_refuse_another_type();
"""
OWN = """
ALTER TABLE environments_entry ADD CONSTRAINT entry_of_own_integration
    FOREIGN KEY (organization_id, integration_id) REFERENCES environments_integration (organization_id, id)
    DEFERRABLE INITIALLY DEFERRED;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("environments", "0024_secret_stores"),
        ("projects", "0012_projects_whole"),
    ]

    operations = [
        migrations.CreateModel(
            name="Integration",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=64)),
                (
                    "type",
                    models.CharField(
                        choices=[
                            ("github", "GitHub"),
                            ("gitlab", "GitLab"),
                            ("slack", "Slack"),
                            ("http", "HTTP"),
                            ("postgresql", "PostgreSQL"),
                            ("redis", "Redis"),
                        ],
                        max_length=12,
                    ),
                ),
                ("description", models.TextField(blank=True, default="")),
                ("settings", models.JSONField(default=dict)),
                ("secrets", models.JSONField(default=dict)),
                ("probed_at", models.DateTimeField(blank=True, null=True)),
                ("probe_code", models.CharField(blank=True, default="", max_length=32)),
                ("probe_error", models.TextField(blank=True, default="")),
                ("created_by", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="integrations",
                        to="projects.organization",
                    ),
                ),
                (
                    "probed_in",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="environments.environment",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="entry",
            name="integration",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="entries",
                to="environments.integration",
            ),
        ),
        migrations.AddIndex(
            model_name="entry",
            index=models.Index(
                condition=models.Q(("integration__isnull", False)),
                fields=["integration", "id"],
                name="entry_by_integration",
            ),
        ),
        migrations.AddConstraint(
            model_name="entry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("integration", None),
                    models.Q(
                        ("app", None),
                        ("deleted_at", None),
                        ("kind", "variable"),
                        ("project", None),
                        models.Q(
                            models.Q(("agent", None), ("environment__isnull", False), ("team", None)),
                            models.Q(("agent", None), ("environment", None), ("team__isnull", False)),
                            models.Q(("agent__isnull", False), ("environment", None), ("team", None)),
                            _connector="OR",
                        ),
                    ),
                    _connector="OR",
                ),
                name="entry_of_integration_holds",
            ),
        ),
        migrations.AddIndex(
            model_name="integration",
            index=models.Index(fields=["organization", "created_at", "id"], name="integration_oldest"),
        ),
        migrations.AddConstraint(
            model_name="integration",
            constraint=models.UniqueConstraint(
                models.F("organization"), django.db.models.functions.text.Lower("name"), name="integration_name_unique"
            ),
        ),
        migrations.AddConstraint(
            model_name="integration",
            constraint=models.UniqueConstraint(fields=("organization", "id"), name="integration_of_organization"),
        ),
        migrations.AddConstraint(
            model_name="integration",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("probed_at__isnull", False),
                    models.Q(("probe_code", ""), ("probe_error", ""), ("probed_in", None)),
                    _connector="OR",
                ),
                name="integration_probe_has_a_time",
            ),
        ),
        migrations.RunSQL(TYPES, "DROP FUNCTION towpath_refuse_another_type() CASCADE"),
        migrations.RunSQL(OWN, "ALTER TABLE environments_entry DROP CONSTRAINT entry_of_own_integration"),
        migrations.RunSQL(GRANTS, migrations.RunSQL.noop),
    ]
