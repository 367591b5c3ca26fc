"""The integrations that are enabled for a target: in its environment and those that is based on, for its team and
agent."""

import uuid
from typing import Any, NamedTuple

from django.db import connection

from environments.resolving import scopes
from environments.resolving.resolution import Resolution, Target
from environments.resolving.statements import FURTHEST
from projects import assigned
from projects.access import Actor
from projects.models import Team

# Where they are set is what a constraint lets entries of integrations be set for: one environment, team or agent.
_STATEMENT = f"""
WITH RECURSIVE line (id, based_on_id, title, distance) AS (
    SELECT id, based_on_id, COALESCE(NULLIF(display_name, ''), name), 0 FROM environments_environment
    WHERE id = %(environment)s AND organization_id = %(organization)s
    UNION ALL
    SELECT base.id, base.based_on_id, COALESCE(NULLIF(base.display_name, ''), base.name), line.distance + 1
    FROM line JOIN environments_environment base ON base.id = line.based_on_id WHERE line.distance < {FURTHEST}
), place (level, distance, title, environment_id, team_id, agent_id) AS (
    SELECT 0, distance, title, id, NULL::uuid, NULL::uuid FROM line
    UNION ALL SELECT 1, 0, name, NULL, id, NULL FROM projects_team
        WHERE id = %(team)s AND organization_id = %(organization)s
    UNION ALL SELECT 2, 0, name, NULL, NULL, id FROM projects_agent
        WHERE id = %(agent)s AND organization_id = %(organization)s
)
SELECT one.id, one.name, one.type, place.title, place.environment_id, place.team_id, place.distance,
    array_agg(entry.key ORDER BY entry.key), array_agg(entry.id ORDER BY entry.key)
FROM place JOIN environments_entry entry ON entry.organization_id = %(organization)s AND entry.deleted_at IS NULL
    AND entry.project_id IS NULL AND entry.app_id IS NULL
    AND entry.environment_id IS NOT DISTINCT FROM place.environment_id
    AND entry.team_id IS NOT DISTINCT FROM place.team_id AND entry.agent_id IS NOT DISTINCT FROM place.agent_id
JOIN environments_integration one ON one.id = entry.integration_id
GROUP BY one.id, one.name, one.type, place.level, place.distance, place.title, place.environment_id, place.team_id
ORDER BY place.level DESC, place.distance, one.name, one.id
"""


class Enabled(NamedTuple):
    """One, where it is enabled; `keys` are what it sets there, with the entries that do."""

    id: uuid.UUID
    name: str
    type: str
    place: str
    environment_id: uuid.UUID | None
    team_id: uuid.UUID | None
    distance: int
    keys: list[str]
    entries: list[uuid.UUID]


def of(target: Target) -> list[Enabled]:
    """The strongest scope first. One statement."""
    values = {
        "organization": target.organization_id,
        "environment": target.environment_id,
        "team": target.team_id,
        "agent": target.agent_id,
    }
    with connection.cursor() as cursor:
        cursor.execute(_STATEMENT, values)
        return [Enabled._make(row) for row in cursor.fetchall()]


def told(every: list[Enabled], found: Resolution, *, by: Actor) -> list[dict[str, Any]]:
    """Each with its scope in words and the names that it gives there; what prevails over one of them is left out."""
    return [
        {
            "id": str(one.id),
            "name": one.name,
            "type": one.type,
            "scope": scope(one, by=by),
            "env_vars": _won(one, found),
        }
        for one in every
    ]


def scope(one: Enabled, *, by: Actor) -> str:
    """What it inherits may lie in an environment that one does not see, and an agent's team may be such a one."""
    if one.team_id is not None:
        seen = Team.objects.filter(assigned.seen(by, Team), pk=one.team_id).exists()
        return one.place if seen else scopes.ANOTHER_TEAM
    return one.place if one.environment_id is None or by.sees(environment_id=one.environment_id) else scopes.ANOTHER


def _won(one: Enabled, found: Resolution) -> list[str]:
    return [
        key
        for key, entry in zip(one.keys, one.entries, strict=True)
        if key in found.winners and found.winners[key].entry_id == entry
    ]
