"""What the database itself refuses on the lower floor, and who numbers events."""

from django.db import migrations

EVENT_NUMBER = """
CREATE FUNCTION towpath_number_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO projects_eventcounter AS counter (organization_id, last) VALUES (NEW.organization_id, 1)
    ON CONFLICT (organization_id) DO UPDATE SET last = counter.last + 1
    RETURNING last INTO NEW.number;
    NEW.at := clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER event_number BEFORE INSERT ON projects_event FOR EACH ROW EXECUTE FUNCTION towpath_number_event();
"""
IMMUTABLE = """
CREATE FUNCTION towpath_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% rows never change', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER release_immutable BEFORE UPDATE OR DELETE ON projects_release
    FOR EACH ROW EXECUTE FUNCTION towpath_refuse_change();
"""
# The application's role owns nothing; default privileges give it rows, this takes back what must never change.
GRANTS = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'towpath_app') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO towpath_app;
        GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO towpath_app;
        REVOKE UPDATE, DELETE ON projects_release, projects_event FROM towpath_app;
    END IF;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("projects", "0001_records")]
    operations = [
        migrations.RunSQL(EVENT_NUMBER, "DROP FUNCTION towpath_number_event() CASCADE"),
        migrations.RunSQL(IMMUTABLE, "DROP FUNCTION towpath_refuse_change() CASCADE"),
        migrations.RunSQL(GRANTS, migrations.RunSQL.noop),
    ]
