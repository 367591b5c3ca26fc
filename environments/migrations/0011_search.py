"""Search through an index: what environments are looked for by, as trigrams."""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import migrations, models
from django.db.models import F, Q

# One text of several lines, so that one index serves a search that looks at all of them. Joining an array is immutable
# for texts, which PostgreSQL cannot know. Of who made it the name alone: everybody is a `user:`.
WORDS = r"""
CREATE FUNCTION environment_words(
    name text, display_name text, description text, created_by text, tags text[]
) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 100 AS $$
    SELECT lower(concat(
        E'\n', name, E'\n', display_name, E'\n', description,
        E'\n', substr(created_by, strpos(created_by, ':') + 1), E'\n', array_to_string(tags, E'\n')
    ))
$$;
"""
# The planner takes nothing from a partial index for how many rows hold some words, and would guess.
COUNTED = """
CREATE STATISTICS environment_words ON (environment_words(name, display_name, description, created_by, tags))
FROM environments_environment
"""
EXPRESSION = models.Func(
    *(models.F(name) for name in ("name", "display_name", "description", "created_by", "tags")),
    function="environment_words",
    output_field=models.TextField(),
)


class Migration(migrations.Migration):
    dependencies = [("environments", "0010_seen_from_outside"), ("projects", "0009_search")]
    operations = [
        migrations.RunSQL(
            WORDS,
            "DROP FUNCTION environment_words(text, text, text, text, text[])",
        ),
        migrations.AddIndex(
            "environment",
            GinIndex(
                F("organization"),
                OpClass(EXPRESSION, name="gin_trgm_ops"),
                condition=Q(terminated_at__isnull=True),
                name="environment_by_words",
            ),
        ),
        migrations.RunSQL(COUNTED, "DROP STATISTICS environment_words"),
    ]
