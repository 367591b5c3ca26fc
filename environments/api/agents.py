"""REST: agents."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from environments import crew
from environments.api.schemas.agents import AgentChange, AgentFilters, AgentGone, AgentIn, AgentOut
from environments.api.teams import equipment, in_projects, narrowed, worked
from environments.overview import crews
from projects import agents, events, teams
from projects.access import Actor
from projects.errors import Invalid
from projects.models import Agent
from projects.rest.bodies import actor, created
from projects.rest.conditional import require_match
from projects.rest.paging import Paging, page
from projects.rest.shapes import as_json

router = Router(tags=["agents"])
PLAIN = (
    "id", "organization_id", "name", "description", "model_id", "runtime", "runner_name", "capabilities",
    "configuration", "llm_config", "system_prompt", "command", "created_by", "created_at", "updated_at",
)  # fmt: skip


def shapes(by: Actor, rows: Sequence[Agent]) -> list[dict[str, Any]]:
    """Four statements, however many."""
    work = crews.working(rows, by=by)
    mine = {row.team_id for row in rows if row.team_id}
    seen = set(teams.visible(by).filter(pk__in=mine).values_list("pk", flat=True)) if mine else set()
    return [
        {
            **{name: getattr(row, name) for name in PLAIN},
            "team_id": row.team_id if row.team_id in seen else None,
            "skill_ids": [],
            **worked(row, work[row.pk]),
        }
        for row in rows
    ]


def shape(by: Actor, agent: Agent) -> dict[str, Any]:
    return shapes(by, [agent])[0]


@router.get("/agents", response=list[AgentOut])
def list_agents(request: HttpRequest, paging: Query[Paging], filters: Query[AgentFilters]) -> list[dict[str, Any]]:
    """Those that are assigned to no project, or to one that is seen."""
    by = actor(request)
    rows = narrowed(agents.visible(by), by, filters)
    if filters.team:
        rows = rows.filter(team=teams.find(by, filters.team))
    return shapes(by, page(request, rows, paging))


@router.post("/agents", response={201: AgentOut})
def create_agent(request: HttpRequest, response: HttpResponse, body: AgentIn) -> dict[str, Any]:
    by = actor(request)
    agent = crew.create(Agent, by=by, **_wish(by, in_projects(by, equipment(body.model_dump(exclude_unset=True)))))
    created(response, "agents", agent.id)
    return shape(by, agent)


@router.get("/agents/{id}", response=AgentOut)
def get_agent(request: HttpRequest, id: UUID) -> dict[str, Any]:
    by = actor(request)
    return shape(by, agents.find(by, id))


@router.patch("/agents/{id}", response=AgentOut)
@events.operation
def update_agent(request: HttpRequest, id: UUID, body: AgentChange) -> dict[str, Any]:
    """A field that is sent replaces the present one whole, null clears it."""
    by = actor(request)
    agent = agents.locked(agents.find(by, id))
    current = shape(by, agent)
    require_match(request, current)
    fields = {
        name: value
        for name, value in body.given(current).items()
        if as_json(value) != as_json(current[name if name != "model" else "model_id"])
    }
    return shape(by, crew.update(agent, by=by, **_wish(by, equipment(fields, current))))


@router.delete("/agents/{id}", response=AgentGone)
def delete_agent(request: HttpRequest, id: UUID) -> dict[str, Any]:
    """The variables and secrets that are set for it are deleted with it; its runs stay."""
    by = actor(request)
    crew.delete(agents.find(by, id), by=by)
    return {"id": id}


def _wish(by: Actor, fields: dict[str, Any]) -> dict[str, Any]:
    """What the room takes: the team itself, and the model by one name."""
    fields.pop("skill_ids", None)
    if "model" in fields:
        model = fields.pop("model")
        if fields.setdefault("model_id", model) != model:
            raise Invalid.field("model", "is the same as model_id; send one of them")
    if "team_id" in fields:
        ident = fields.pop("team_id")
        fields["team"] = teams.find(by, ident) if ident else None
    return fields
