"""Let the application forget old events, and nothing else of them, without the owner's password.

The function acts as the owner of the table, for whoever may add events to it. It takes only what is older than thirty
days at least, and only from the beginning of an organization's log, so that what is left has no gap.
"""

from django.db import migrations

FORGET = """
CREATE FUNCTION towpath_forget_events(organization uuid, days integer, most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE gone integer;
BEGIN
    IF days IS NULL OR days < 30 THEN
        RAISE EXCEPTION 'events are kept for 30 days at least' USING ERRCODE = 'restrict_violation';
    END IF;
    IF NOT has_table_privilege(session_user, 'public.projects_event', 'INSERT') THEN
        RAISE EXCEPTION 'only who adds events forgets them' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM set_config('towpath.retention', 'on', true);
    WITH oldest AS (
        SELECT id, number, at FROM public.projects_event
        WHERE organization_id = organization ORDER BY number LIMIT least(most, 1000)
    ), young AS (
        SELECT min(number) AS first FROM oldest WHERE at >= clock_timestamp() - make_interval(days => days)
    )
    DELETE FROM public.projects_event AS event USING oldest, young
    WHERE event.id = oldest.id AND (young.first IS NULL OR oldest.number < young.first);
    GET DIAGNOSTICS gone = ROW_COUNT;
    PERFORM set_config('towpath.retention', 'off', true);
    RETURN gone;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("projects", "0006_events_stay")]
    operations = [migrations.RunSQL(FORGET, "DROP FUNCTION towpath_forget_events(uuid, integer, integer)")]
