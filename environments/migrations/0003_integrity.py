"""What the database itself refuses on the upper floor."""

from django.db import migrations

IMMUTABLE = """
CREATE TRIGGER deployment_immutable BEFORE UPDATE OR DELETE ON environments_deployment
    FOR EACH ROW EXECUTE FUNCTION towpath_refuse_change();
"""
GRANTS = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'towpath_app') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO towpath_app;
        GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO towpath_app;
        REVOKE UPDATE, DELETE ON projects_release, projects_event, environments_deployment FROM towpath_app;
    END IF;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("environments", "0002_links"), ("projects", "0002_integrity")]
    operations = [
        migrations.RunSQL(IMMUTABLE, "DROP TRIGGER deployment_immutable ON environments_deployment"),
        migrations.RunSQL(GRANTS, migrations.RunSQL.noop),
    ]
