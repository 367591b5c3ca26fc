"""The integrations that are enabled for a target: in its environment and those that is based on, for its team and
agent."""

import uuid
from collections.abc import Container
from typing import Any, NamedTuple

from django.db import connection

from environments.resolving import scopes
from environments.resolving.resolution import Resolution, Target
from environments.resolving.statements import FURTHEST
from projects import assigned
from projects.access import Actor
from projects.models import Team

# Where they are set is what a constraint lets entries of integrations be set for: one environment, team or agent. Each
# is a branch of its own, which an index answers.
_OWN = (
    "e.organization_id = %(organization)s AND e.deleted_at IS NULL AND e.integration_id IS NOT NULL "
    "AND e.project_id IS NULL AND e.app_id IS NULL"
)
_STATEMENT = f"""
WITH RECURSIVE line (id, based_on_id, project_id, title, distance) AS (
    SELECT id, based_on_id, project_id, COALESCE(NULLIF(display_name, ''), name), 0 FROM environments_environment
    WHERE id = %(environment)s AND organization_id = %(organization)s
    UNION ALL
    SELECT base.id, base.based_on_id, base.project_id, COALESCE(NULLIF(base.display_name, ''), base.name),
        line.distance + 1
    FROM line JOIN environments_environment base ON base.id = line.based_on_id WHERE line.distance < {FURTHEST}
), found (level, distance, title, environment_id, project_id, team_id, entry_id, key, integration_id) AS (
    SELECT 0, line.distance, line.title, line.id, line.project_id, NULL::uuid, e.id, e.key, e.integration_id
    FROM line JOIN environments_entry e ON e.environment_id = line.id
    WHERE e.team_id IS NULL AND e.agent_id IS NULL AND {_OWN}
    UNION ALL
    SELECT 1, 0, team.name, NULL, NULL, team.id, e.id, e.key, e.integration_id
    FROM projects_team team JOIN environments_entry e ON e.team_id = team.id
    WHERE team.id = %(team)s AND e.environment_id IS NULL AND e.agent_id IS NULL AND {_OWN}
    UNION ALL
    SELECT 2, 0, agent.name, NULL, NULL, NULL, e.id, e.key, e.integration_id
    FROM projects_agent agent JOIN environments_entry e ON e.agent_id = agent.id
    WHERE agent.id = %(agent)s AND e.environment_id IS NULL AND e.team_id IS NULL AND {_OWN}
)
SELECT one.id, one.name, one.type, found.title, found.environment_id, found.project_id, found.team_id, found.distance,
    array_agg(found.key ORDER BY found.key), array_agg(found.entry_id ORDER BY found.key)
FROM found JOIN environments_integration one
    ON one.organization_id = %(organization)s AND one.id = found.integration_id
GROUP BY one.id, one.name, one.type, found.level, found.distance, found.title, found.environment_id, found.project_id,
    found.team_id
ORDER BY found.level DESC, found.distance, one.name, one.id
"""


class Enabled(NamedTuple):
    """One, where it is enabled; `keys` are what it sets there, with the entries that do.

    `project_id` is whose that environment is, for who may see it.
    """

    id: uuid.UUID
    name: str
    type: str
    place: str
    environment_id: uuid.UUID | None
    project_id: uuid.UUID | None
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


def places(every: list[Enabled], *, by: Actor) -> list[str]:
    """The scope of each in words; one statement where one is enabled for a team, however many are."""
    named = {one.team_id for one in every if one.team_id is not None}
    teams = (
        set(Team.objects.filter(assigned.seen(by, Team), pk__in=named).values_list("pk", flat=True)) if named else ()
    )
    return [scope(one, by=by, teams=teams) for one in every]


def told(every: list[Enabled], scopes: list[str], found: Resolution) -> list[dict[str, Any]]:
    """Each with its scope in words and the names that it gives there; what prevails over one of them is left out."""
    return [
        {
            "id": str(one.id),
            "name": one.name,
            "type": one.type,
            "scope": place,
            "env_vars": _won(one, found),
        }
        for one, place in zip(every, scopes, strict=True)
    ]


def scope(one: Enabled, *, by: Actor, teams: Container[uuid.UUID] = ()) -> str:
    """What it inherits may lie in an environment that one does not see; of teams these alone are named."""
    if one.team_id is not None:
        return one.place if one.team_id in teams else scopes.ANOTHER_TEAM
    return one.place if by.sees(project_id=one.project_id, environment_id=one.environment_id) else scopes.ANOTHER


def _won(one: Enabled, found: Resolution) -> list[str]:
    return [
        key
        for key, entry in zip(one.keys, one.entries, strict=True)
        if key in found.winners and found.winners[key].entry_id == entry
    ]
