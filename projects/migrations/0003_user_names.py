"""Make the names of users unique regardless of case.

Where two differ in nothing else, nobody but a person can say whose grants are whose: the migration then stops before
it has changed anything and names them. One of the two is given another name (`UPDATE projects_user SET username = ...`)
and the migration is run again.
"""

from django.db import migrations, models
from django.db.models.functions import Lower

CHECK = """
DO $$
DECLARE twins text;
BEGIN
    SELECT string_agg(names, '; ') INTO twins FROM (
        SELECT string_agg(username, ', ' ORDER BY date_joined) AS names
        FROM projects_user GROUP BY lower(username) HAVING count(*) > 1
    ) AS found;
    IF twins IS NOT NULL THEN
        RAISE EXCEPTION 'These user names differ only in case: %', twins
            USING ERRCODE = 'unique_violation', HINT = 'Give one of each pair another name, then migrate again.';
    END IF;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("projects", "0002_integrity")]
    operations = [
        migrations.RunSQL(CHECK, migrations.RunSQL.noop),
        migrations.AddConstraint("user", models.UniqueConstraint(Lower("username"), name="user_name_unique")),
    ]
