"""Let events only be added and read, whatever the application's role is called.

What is too old is deleted by the owner of the table alone, in a transaction that says `SET LOCAL towpath.retention =
'on'`: a statement that is wrong takes nothing, also where one role does everything.
"""

from django.db import migrations

STAY = """
CREATE FUNCTION towpath_keep_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('towpath.retention', true) = 'on' AND pg_has_role(
        current_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE'
    ) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% rows never change', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER event_immutable BEFORE UPDATE OR DELETE ON projects_event
    FOR EACH ROW EXECUTE FUNCTION towpath_keep_event();
"""
# Default privileges gave them to whichever role the installation named for the application.
REVOKE = """
DO $$
DECLARE given record;
BEGIN
    FOR given IN
        SELECT DISTINCT relation.oid::regclass AS relation, pg_get_userbyid(access.grantee) AS grantee
        FROM pg_class AS relation, aclexplode(relation.relacl) AS access
        WHERE relation.oid IN ('projects_event'::regclass, 'projects_release'::regclass)
            AND access.grantee NOT IN (0, relation.relowner) AND access.privilege_type IN ('UPDATE', 'DELETE')
    LOOP
        EXECUTE format('REVOKE UPDATE, DELETE ON %s FROM %I', given.relation, given.grantee);
    END LOOP;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("projects", "0005_answers_by_age")]
    operations = [
        migrations.RunSQL(STAY, "DROP FUNCTION towpath_keep_event() CASCADE"),
        migrations.RunSQL(REVOKE, migrations.RunSQL.noop),
    ]
