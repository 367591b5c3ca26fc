"""REST: teams."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from environments import crew
from environments import lifecycle as environments
from environments.api.schemas.teams import CrewFilters, TeamChange, TeamIn, TeamOut
from environments.overview import crews
from projects import agents, events, lifecycle, names, teams
from projects.access import Actor
from projects.models import Team
from projects.rest.bodies import actor, created
from projects.rest.conditional import require_match
from projects.rest.paging import Paging, page
from projects.rest.shapes import as_json

router = Router(tags=["teams"])
PLAIN = ("id", "organization_id", "name", "description", "configuration", "created_by", "created_at", "updated_at")


def shapes(by: Actor, rows: Sequence[Team]) -> list[dict[str, Any]]:
    """Four statements, however many."""
    work = crews.working(rows, by=by)
    members: dict[UUID, list[UUID]] = defaultdict(list)
    ids = [row.pk for row in rows]
    for agent_id, team_id in agents.visible(by).filter(team__in=ids).values_list("pk", "team_id"):
        members[team_id].append(agent_id)
    return [
        {**{name: getattr(row, name) for name in PLAIN}, "agent_ids": members[row.pk], **worked(row, work[row.pk])}
        for row in rows
    ]


def worked(row: Any, work: dict[str, Any]) -> dict[str, Any]:
    """What a team or an agent works with, as the contract has it."""
    return {
        "environment_ids": [one.pk for one in work["environments"]],
        "project_ids": [one.pk for one in work["projects"]],
        "execution_environment": {
            "env_vars": work["env_vars"],
            "secrets": row.required_secrets,
            "integration_ids": sorted((one.pk for one in work["integrations"]), key=str),
            "mcp_servers": row.mcp_servers,
        },
    }


def equipment(fields: dict[str, Any], current: dict[str, Any] | None = None) -> dict[str, Any]:
    """What was sent of the execution environment, without what is so already; null clears its four parts."""
    if "execution_environment" not in fields:
        return fields
    given = fields["execution_environment"]
    if given is None:
        given = dict.fromkeys(("env_vars", "secrets", "integration_ids", "mcp_servers"))
    before = current["execution_environment"] if current else {}
    changed = {part: value for part, value in given.items() if part not in before or value != before[part]}
    return {**fields, "execution_environment": changed}


def in_projects(by: Actor, fields: dict[str, Any]) -> dict[str, Any]:
    fields["projects"] = [lifecycle.find(by, one) for one in dict.fromkeys(fields.pop("project_ids", ()))]
    return fields


def shape(by: Actor, team: Team) -> dict[str, Any]:
    return shapes(by, [team])[0]


def narrowed(rows: Any, by: Actor, filters: CrewFilters) -> Any:
    if filters.project:
        rows = rows.filter(projects=lifecycle.find(by, filters.project))
    if filters.environment:
        rows = rows.filter(places__environment=environments.find(by, filters.environment))
    if filters.q:
        rows = rows.filter(names.holding("name", filters.q))
    return rows


@router.get("/teams", response=list[TeamOut])
def list_teams(request: HttpRequest, paging: Query[Paging], filters: Query[CrewFilters]) -> list[dict[str, Any]]:
    """Those that are assigned to no project, or to one that is seen."""
    by = actor(request)
    return shapes(by, page(request, narrowed(teams.visible(by), by, filters), paging))


@router.post("/teams", response={201: TeamOut})
def create_team(request: HttpRequest, response: HttpResponse, body: TeamIn) -> dict[str, Any]:
    by = actor(request)
    team = crew.create(Team, by=by, **in_projects(by, equipment(body.model_dump(exclude_unset=True))))
    created(response, "teams", team.id)
    return shape(by, team)


@router.get("/teams/{id}", response=TeamOut)
def get_team(request: HttpRequest, id: UUID) -> dict[str, Any]:
    by = actor(request)
    return shape(by, teams.find(by, id))


@router.patch("/teams/{id}", response=TeamOut)
@events.operation
def update_team(request: HttpRequest, id: UUID, body: TeamChange) -> dict[str, Any]:
    """A field that is sent replaces the present one whole, null clears it."""
    by = actor(request)
    team = teams.locked(teams.find(by, id))
    current = shape(by, team)
    require_match(request, current)
    fields = {name: value for name, value in body.given(current).items() if as_json(value) != as_json(current[name])}
    return shape(by, crew.update(team, by=by, **equipment(fields, current)))


@router.delete("/teams/{id}", response={204: None})
def delete_team(request: HttpRequest, id: UUID) -> None:
    """Its agents have no team any more; the variables and secrets that are set for it are deleted with it."""
    by = actor(request)
    crew.delete(teams.find(by, id), by=by)


@router.post("/teams/{id}/agents/{agent_id}", response=TeamOut)
def add_agent(request: HttpRequest, id: UUID, agent_id: UUID) -> dict[str, Any]:
    """An agent has at most one team: 409 where it has one."""
    by = actor(request)
    team = teams.find(by, id)
    teams.add(team, agents.find(by, agent_id), by=by)
    return shape(by, team)


@router.delete("/teams/{id}/agents/{agent_id}", response={204: None})
def take_agent_out(request: HttpRequest, id: UUID, agent_id: UUID) -> None:
    by = actor(request)
    teams.take_out(teams.find(by, id), agents.find(by, agent_id), by=by)
