"""REST: workflows, and runs of workflows and agents."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from environments import errands
from environments import lifecycle as environments
from environments.api.runs import shapes
from environments.api.schemas.runs import PhaseName, RunOut
from environments.api.schemas.workflows import (
    AgentRunIn,
    WorkflowChange,
    WorkflowIn,
    WorkflowOut,
    WorkflowRunIn,
)
from environments.runs import lookup
from projects import agents, definitions, events, lifecycle, names, workflows
from projects.models import Workflow
from projects.rest.bodies import actor, created
from projects.rest.conditional import require_match
from projects.rest.paging import Paging, page

router = Router(tags=["workflows"])


def shape(workflow: Workflow) -> dict[str, Any]:
    steps = [{name: value for name, value in step.items() if name != "n"} for step in workflow.steps]
    plain = {name: getattr(workflow, name) for name in WorkflowOut.model_fields if name not in ("inputs", "steps")}
    return plain | {"inputs": definitions.in_order(workflow.inputs), "steps": steps}


@router.get("/workflows", response=list[WorkflowOut])
def list_workflows(
    request: HttpRequest, paging: Query[Paging], project: str = "", q: str = "", archived: bool = False
) -> list[dict[str, Any]]:
    by = actor(request)
    rows = workflows.visible(by, archived=archived)
    if project:
        rows = rows.filter(project=lifecycle.find(by, project))
    if q:
        rows = rows.filter(names.holding("name", q) | names.holding("description", q))
    return [shape(row) for row in page(request, rows, paging)]


@router.post("/workflows", response={201: WorkflowOut})
def create_workflow(request: HttpRequest, response: HttpResponse, body: WorkflowIn) -> dict[str, Any]:
    by = actor(request)
    project = lifecycle.find(by, body.project_id) if body.project_id else None
    workflow = workflows.create(by=by, project=project, **body.model_dump(exclude={"project_id"}))
    created(response, "workflows", workflow.id)
    return shape(workflow)


@router.get("/workflows/{id}", response=WorkflowOut)
def get_workflow(request: HttpRequest, id: UUID) -> dict[str, Any]:
    return shape(workflows.find(actor(request), id))


@router.patch("/workflows/{id}", response=WorkflowOut)
@events.operation
def update_workflow(request: HttpRequest, id: UUID, body: WorkflowChange) -> dict[str, Any]:
    """Runs that were asked for before go on as they were asked for."""
    by = actor(request)
    workflow = workflows.locked(workflows.find(by, id))
    current = shape(workflow)
    require_match(request, current)
    empty: dict[str, Any] = {"name": "", "description": "", "inputs": {}, "steps": []}
    fields = {name: empty[name] if value is None else value for name, value in body.given(current).items()}
    return shape(workflows.update(workflow, by=by, **fields))


@router.delete("/workflows/{id}", response={204: None})
def archive_workflow(request: HttpRequest, id: UUID) -> None:
    """It is run no more, and its name is free; what runs of it goes on, and its history is kept."""
    by = actor(request)
    workflows.archive(workflows.find(by, id), by=by)


@router.post("/workflows/{id}/restoration", response=WorkflowOut)
def restore_workflow(request: HttpRequest, id: UUID) -> dict[str, Any]:
    """An archived workflow can be run again; one that is not archived stays as it is."""
    by = actor(request)
    return shape(workflows.restore(workflows.find(by, id), by=by))


@router.get("/workflows/{id}/runs", response=list[RunOut])
def list_workflow_runs(
    request: HttpRequest, id: UUID, paging: Query[Paging], environment: str = "", phase: PhaseName | None = None
) -> list[dict[str, Any]]:
    by = actor(request)
    rows = lookup.visible(by).filter(workflow=workflows.find(by, id))
    if environment:
        rows = rows.filter(environment=environments.find(by, environment))
    if phase:
        rows = rows.filter(phase=phase)
    return shapes(page(request, rows, paging, newest_first=True))


@router.post("/workflows/{id}/runs", response={201: RunOut})
def run_workflow(request: HttpRequest, response: HttpResponse, id: UUID, body: WorkflowRunIn) -> dict[str, Any]:
    """Its steps in the environment, by its worker, with the configuration that holds when the worker takes it up."""
    by = actor(request)
    run = errands.run_workflow(
        workflows.find(by, id),
        by=by,
        environment=environments.find(by, body.environment_id),
        inputs=body.inputs,
    )
    created(response, "runs", run.id)
    return shapes([run])[0]


@router.get("/agents/{id}/runs", response=list[RunOut])
def list_agent_runs(
    request: HttpRequest, id: UUID, paging: Query[Paging], environment: str = "", phase: PhaseName | None = None
) -> list[dict[str, Any]]:
    by = actor(request)
    rows = lookup.visible(by).filter(agent=agents.find(by, id))
    if environment:
        rows = rows.filter(environment=environments.find(by, environment))
    if phase:
        rows = rows.filter(phase=phase)
    return shapes(page(request, rows, paging, newest_first=True))


@router.post("/agents/{id}/runs", response={201: RunOut})
def run_agent(request: HttpRequest, response: HttpResponse, id: UUID, body: AgentRunIn) -> dict[str, Any]:
    """Its command in the environment, by its worker, with the configuration that holds when the worker takes it up."""
    by = actor(request)
    run = errands.run_agent(
        agents.find(by, id),
        by=by,
        environment=environments.find(by, body.environment_id),
        input=body.input,
        project=lifecycle.find(by, body.project_id) if body.project_id else None,
    )
    created(response, "runs", run.id)
    return shapes([run])[0]
