"""The SQL that finds what is set for a target: a branch for each scope, along the line of environments.

Each answers one text, for the target whose ids are in the one row of the table `asked`: `ASKED`, where these are known,
or whatever else finds them.
"""

from collections.abc import Callable
from functools import lru_cache

from environments.resolving import scopes

# Which ids are given of those that `scopes.HOLDERS` names, and whether an environment is.
Statement = Callable[[tuple[str, ...], bool], str]
ASKED = "SELECT %(environment)s::uuid AS environment_id, " + ", ".join(
    f"%({one})s::uuid AS {one}_id" for one in scopes.HOLDERS
)

# How many environments a line of `based_on` has at most.
FURTHEST = 16
# As `candidates.Candidate.parts`; `here` is the name of the entry's environment, `whose` that one's project.
_REST = (
    "version.type, version.number, version.created_by, version.created_at::text, entry.id, entry.project_id, "
    "entry.app_id, entry.team_id, entry.agent_id, entry.environment_id, here, entry.write_only, "
    "version.store_id, version.path, version.field, whose"
)
_REST_AS_JSON = f"json_build_array({_REST})::text"
# What is another one as soon as anything of a value is: its version, where that is set, and whether it is revoked.
_MARK = "concat_ws(':', version.id, level, distance, version.revoked_at)"
# In the order of `candidates.Candidate`.
COLUMNS = {
    "key": "entry.key",
    "is_secret": "entry.kind = 'secret'",
    "value": "version.value",
    "sealed_text": "encode(version.sealed, 'base64')",
    "refers": "version.refers",
    "revoked": "version.revoked_at::text",
    "mark": _MARK,
    "rest": _REST_AS_JSON,
}
# Where nobody asks where each value is set and by whom: to open a secret, that of secrets is needed all the same.
_WITHOUT_ORIGINS = COLUMNS | {
    name: f"CASE WHEN entry.kind = 'secret' THEN {COLUMNS[name]} END" for name in ("mark", "rest")
}
# Another one as soon as any of the values is another.
_STAMP = "encode(sha256(convert_to(COALESCE(string_agg(whole, ','), ''), 'UTF8')), 'hex')"
_STRONGEST_FIRST = " ORDER BY entry.key, level DESC, distance"
# What is set and not deleted, of which each branch takes its part.
_LIVE = """
WITH RECURSIVE live AS NOT MATERIALIZED (
    SELECT * FROM environments_entry WHERE organization_id = %(organization)s AND deleted_at IS NULL
)
"""
_LINE = f""", line (id, based_on_id, whose, name, distance) AS (
    SELECT id, based_on_id, project_id, COALESCE(NULLIF(display_name, ''), name), 0 FROM environments_environment
    WHERE id = (SELECT environment_id FROM asked) AND organization_id = %(organization)s
    UNION ALL
    SELECT base.id, base.based_on_id, base.project_id, COALESCE(NULLIF(base.display_name, ''), base.name), distance + 1
    FROM line JOIN environments_environment base ON base.id = line.based_on_id WHERE line.distance < {FURTHEST}
)
"""


@lru_cache(maxsize=64)
def values(given: tuple[str, ...], placed: bool) -> str:
    """All that is set for a target of which these ids are `given`, the strongest first for each key."""
    return listed(COLUMNS, *_found(given, placed), _STRONGEST_FIRST)


@lru_cache(maxsize=64)
def without_origins(given: tuple[str, ...], placed: bool) -> str:
    """The same but for where each variable is set and by whom, which costs as much as all the rest."""
    return listed(_WITHOUT_ORIGINS, *_found(given, placed), _STRONGEST_FIRST)


@lru_cache(maxsize=64)
def stamp(given: tuple[str, ...], placed: bool) -> str:
    """The stamp alone, so that no value leaves the database."""
    line, source = _found(given, placed)
    return f"{line}SELECT {_STAMP} FROM (SELECT {_MARK} AS whole FROM {source}{_STRONGEST_FIRST}) found"


def listed(columns: dict[str, str], line: str, source: str, order: str = "") -> str:
    """The stamp, and a list for each column, as JSON: to read that costs half of what reading the rows would. (What is
    put together from one sorted selection is put together in its order.)"""
    named = ", ".join(what if what.endswith(f".{name}") else f"{what} AS {name}" for name, what in columns.items())
    lists = ", ".join(f"json_agg({name})" for name in columns)
    source = f"(SELECT {_MARK} AS whole, {named} FROM {source}{order}) found"
    return f"{line}SELECT json_build_array({_STAMP}, {lists})::text FROM {source}"


def _found(given: tuple[str, ...], placed: bool) -> tuple[str, str]:
    """Where the line of environments leads, and a branch for each scope that can apply, each of which the unique index
    answers. (Kept short: what is longer than 4,096 characters the driver takes apart anew each time.)"""
    branches = []
    for level, (holder, in_environment) in enumerate(scopes.ORDER):
        if (holder and holder not in given) or (in_environment and not placed):
            continue
        where = [
            f"e.{one}_id = (SELECT {one}_id FROM asked)" if one == holder else f"e.{one}_id IS NULL"
            for one in scopes.HOLDERS
        ]
        if in_environment:
            place, source = "l.name, l.whose, l.distance", "line l JOIN live e ON e.environment_id = l.id"
        else:
            place, source = "NULL::text, NULL::uuid, 0", "live e"
            where.append("e.environment_id IS NULL")
        branches.append(f"SELECT {level}, {place}, e.* FROM {source} WHERE {' AND '.join(where)}")
    return _LIVE + (_LINE if placed else ""), (
        f"({' UNION ALL '.join(branches)}) entry (level, here, whose, distance) "
        "JOIN environments_entryversion version ON version.id = entry.current_id"
    )
