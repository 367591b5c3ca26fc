"""Search through an index: trigrams of names, together with whose they are."""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.operations import CreateExtension
from django.db import migrations, models
from django.db.models import F, Q
from django.db.models.functions import Upper

NEEDED = ("pg_trgm", "btree_gin")


def check(apps, schema_editor):
    """Say what to do, where PostgreSQL would only say that a file is missing."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_available_extensions WHERE name = ANY(%s)", [list(NEEDED)])
        missing = sorted({*NEEDED} - {name for (name,) in cursor.fetchall()})
    if missing:
        raise RuntimeError(
            f"PostgreSQL comes without its own modules {' and '.join(missing)}, which search needs. Install them "
            "beside the server (the package is often called postgresql-contrib), then start again."
        )


class Migration(migrations.Migration):
    dependencies = [("projects", "0008_people")]
    operations = [
        migrations.RunPython(check, migrations.RunPython.noop),
        # Trusted extensions: the owner of a database may create them without being a superuser.
        *(CreateExtension(name) for name in NEEDED),
        migrations.AddIndex(
            "event",
            models.Index(
                F("organization_id"), F("object__name"), condition=Q(kind="member.removed"), name="event_of_the_removed"
            ),
        ),
        migrations.AddIndex(
            "app",
            GinIndex(F("organization"), OpClass(Upper("name"), name="gin_trgm_ops"), name="app_by_words"),
        ),
        migrations.AddIndex(
            "release",
            GinIndex(F("organization"), OpClass(Upper("version"), name="gin_trgm_ops"), name="release_by_version"),
        ),
        migrations.AddIndex(
            "release",
            models.Index(
                F("organization"), OpClass(Upper("commit"), name="text_pattern_ops"), name="release_by_commit"
            ),
        ),
    ]
