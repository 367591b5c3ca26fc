"""Count what each service has written in all, so that nobody has to add it up again to know what is too old."""

from django.db import migrations, models

COUNT = """
UPDATE environments_servicelogchunk AS chunk SET written = counted.written FROM (
    SELECT id, sum(size) OVER (PARTITION BY environment_id, app_id, service ORDER BY id) AS written
    FROM environments_servicelogchunk
) AS counted
WHERE counted.id = chunk.id
"""


class Migration(migrations.Migration):
    dependencies = [("environments", "0005_tokens_by_kind")]
    operations = [
        migrations.AddField("servicelogchunk", "written", models.BigIntegerField(default=0)),
        migrations.RunSQL(COUNT, migrations.RunSQL.noop),
    ]
