"""What the database itself refuses of configuration: a version never changes, but for being revoked or destroyed."""

from django.db import migrations

VERSIONS = """
CREATE FUNCTION towpath_refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before environments_entryversion := OLD;
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION '% rows never go', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.revoked_at IS NULL THEN
        before.revoked_at := NEW.revoked_at;
        before.revoked_by := NEW.revoked_by;
    END IF;
    IF OLD.destroyed_at IS NULL AND NEW.destroyed_at IS NOT NULL AND NEW.revoked_at IS NOT NULL AND NEW.sealed IS NULL THEN
        before.destroyed_at := NEW.destroyed_at;
        before.sealed := NULL;
    END IF;
    IF before IS DISTINCT FROM NEW THEN
        RAISE EXCEPTION '% rows never change', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER entry_version_immutable BEFORE UPDATE OR DELETE ON environments_entryversion
    FOR EACH ROW EXECUTE FUNCTION towpath_refuse_rewriting();
"""
ENTRIES = """
CREATE FUNCTION towpath_refuse_moving() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.organization_id, OLD.kind, OLD.key, OLD.project_id, OLD.app_id, OLD.team_id, OLD.agent_id, OLD.environment_id)
        IS DISTINCT FROM
       (NEW.organization_id, NEW.kind, NEW.key, NEW.project_id, NEW.app_id, NEW.team_id, NEW.agent_id, NEW.environment_id)
    THEN
        RAISE EXCEPTION 'scope, key and kind of an entry never change' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER entry_stays BEFORE UPDATE ON environments_entry FOR EACH ROW EXECUTE FUNCTION towpath_refuse_moving();
"""
GRANTS = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'towpath_app') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON environments_entry, environments_datakey TO towpath_app;
        GRANT SELECT, INSERT ON environments_entryversion TO towpath_app;
        REVOKE UPDATE, DELETE ON environments_entryversion FROM towpath_app;
        GRANT UPDATE (revoked_at, revoked_by, destroyed_at, sealed) ON environments_entryversion TO towpath_app;
    END IF;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("environments", "0016_configuration")]
    operations = [
        migrations.RunSQL(VERSIONS, "DROP FUNCTION towpath_refuse_rewriting() CASCADE"),
        migrations.RunSQL(ENTRIES, "DROP FUNCTION towpath_refuse_moving() CASCADE"),
        migrations.RunSQL(GRANTS, migrations.RunSQL.noop),
    ]
