"""REST: projects, and the teams and agents that work for them."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from environments import lifecycle as environments
from environments.api import agents as agent_shapes
from environments.api import teams as team_shapes
from environments.api.schemas.agents import AgentOut, AgentRef
from environments.api.schemas.projects import ProjectChange, ProjectFilters, ProjectIn, ProjectOut
from environments.api.schemas.teams import TeamOut, TeamRef
from environments.delivery import deletions
from projects import agents, assignments, events, lifecycle, names, tallies, teams
from projects.access import Actor
from projects.models import Project
from projects.rest.bodies import actor, created
from projects.rest.conditional import require_match
from projects.rest.paging import Paging, page
from projects.rest.shapes import as_json

router = Router(tags=["projects"])
PLAIN = (
    "id", "organization_id", "key", "name", "description", "goals", "visibility", "default_model", "settings",
    "archived_at", "created_at", "updated_at",
)  # fmt: skip
COUNTS = ("app_count", "team_count", "agent_count")


def shape(project: Any) -> dict[str, Any]:
    """Of a project with its counts."""
    return {
        **{name: getattr(project, name) for name in (*PLAIN, *COUNTS)},
        "restrict_to_environment": project.restrict_to_environment_id,
        "policy_ids": [],
        "status": "archived" if project.archived_at else "active",
        "owner": project.created_by,
    }


def shape_of(project: Project) -> dict[str, Any]:
    return shape(tallies.with_counts(Project.objects.filter(pk=project.pk)).get())


@router.get("/projects", response=list[ProjectOut])
def list_projects(request: HttpRequest, paging: Query[Paging], filters: Query[ProjectFilters]) -> list[dict[str, Any]]:
    """Those in use, newest first; with `archived=true` those that are put away."""
    rows = lifecycle.visible(actor(request)).filter(archived_at__isnull=not filters.archived)
    if filters.q:
        rows = rows.filter(names.holding("name", filters.q) | names.holding("key", filters.q))
    if filters.visibility:
        rows = rows.filter(visibility=filters.visibility)
    return [shape(row) for row in page(request, tallies.with_counts(rows), paging, newest_first=True)]


@router.post("/projects", response={201: ProjectOut})
def create_project(request: HttpRequest, response: HttpResponse, body: ProjectIn) -> dict[str, Any]:
    """Whoever makes a private project has a role in it from the start."""
    by = actor(request)
    fields = restricted(by, body.model_dump())
    project = lifecycle.create(by=by, **fields)
    created(response, "projects", project.id)
    return shape_of(project)


@router.get("/projects/default", response=ProjectOut)
def get_default_project(request: HttpRequest) -> dict[str, Any]:
    """Get or create the project DEFAULT."""
    by = actor(request)
    return shape_of(lifecycle.default(by=by))


@router.get("/projects/{id}", response=ProjectOut)
def get_project(request: HttpRequest, id: UUID) -> dict[str, Any]:
    by = actor(request)
    return shape_of(lifecycle.find(by, id))


@router.patch("/projects/{id}", response=ProjectOut)
@events.operation
def update_project(request: HttpRequest, id: UUID, body: ProjectChange) -> dict[str, Any]:
    by = actor(request)
    project = lifecycle.locked(lifecycle.find(by, id))
    current = shape_of(project)
    require_match(request, current)
    fields = {
        name: "" if value is None and name in {"key", "name"} else value
        for name, value in body.given(current).items()
        if as_json(value) != as_json(current[name])
    }
    return shape_of(lifecycle.update(project, by=by, **restricted(by, fields)))


@router.delete("/projects/{id}", response={204: None})
def delete_project(request: HttpRequest, id: UUID) -> None:
    """Its archived apps of which nothing was ever released go with it. 409 says what is in use, or kept for good."""
    by = actor(request)
    deletions.delete(lifecycle.find(by, id), by=by)


@router.post("/projects/{id}/archival", response=ProjectOut)
def archive_project(request: HttpRequest, id: UUID) -> dict[str, Any]:
    """Nothing new is made in it and its apps are not offered; what runs keeps running."""
    by = actor(request)
    return shape_of(lifecycle.archive(lifecycle.find(by, id), by=by))


@router.post("/projects/{id}/restoration", response=ProjectOut)
def restore_project(request: HttpRequest, id: UUID) -> dict[str, Any]:
    """An archived project takes new things again; one that is not archived stays as it is."""
    by = actor(request)
    return shape_of(lifecycle.restore(lifecycle.find(by, id), by=by))


@router.get("/projects/{id}/teams", response=list[TeamOut])
def list_teams_of_project(request: HttpRequest, id: UUID, paging: Query[Paging]) -> list[dict[str, Any]]:
    by = actor(request)
    rows = teams.visible(by).filter(projects=lifecycle.find(by, id))
    return team_shapes.shapes(by, page(request, rows, paging))


@router.post("/projects/{id}/teams", response={201: TeamOut})
def assign_team(request: HttpRequest, response: HttpResponse, id: UUID, body: TeamRef) -> dict[str, Any]:
    """From now on it works for the project, too."""
    by = actor(request)
    team = teams.find(by, body.team_id)
    assignments.assign(team, lifecycle.find(by, id), by=by)
    created(response, "projects", id, "teams", team.id)
    return team_shapes.shape(by, team)


@router.delete("/projects/{id}/teams/{team_id}", response={204: None})
def take_team_off(request: HttpRequest, id: UUID, team_id: UUID) -> None:
    by = actor(request)
    assignments.take_off(teams.find(by, team_id), lifecycle.find(by, id), by=by)


@router.get("/projects/{id}/agents", response=list[AgentOut])
def list_agents_of_project(request: HttpRequest, id: UUID, paging: Query[Paging]) -> list[dict[str, Any]]:
    by = actor(request)
    rows = agents.visible(by).filter(projects=lifecycle.find(by, id))
    return agent_shapes.shapes(by, page(request, rows, paging))


@router.post("/projects/{id}/agents", response={201: AgentOut})
def assign_agent(request: HttpRequest, response: HttpResponse, id: UUID, body: AgentRef) -> dict[str, Any]:
    """From now on it works for the project, too."""
    by = actor(request)
    agent = agents.find(by, body.agent_id)
    assignments.assign(agent, lifecycle.find(by, id), by=by)
    created(response, "projects", id, "agents", agent.id)
    return agent_shapes.shape(by, agent)


@router.delete("/projects/{id}/agents/{agent_id}", response={204: None})
def take_agent_off(request: HttpRequest, id: UUID, agent_id: UUID) -> None:
    by = actor(request)
    assignments.take_off(agents.find(by, agent_id), lifecycle.find(by, id), by=by)


def restricted(by: Actor, fields: dict[str, Any]) -> dict[str, Any]:
    """The environment may be named by id or name; nothing lifts the restriction. There are no policies yet."""
    fields.pop("policy_ids", None)
    if "restrict_to_environment" in fields:
        named = fields.pop("restrict_to_environment")
        fields["restrict_to_environment_id"] = environments.find(by, named).id if named else None
    return fields
