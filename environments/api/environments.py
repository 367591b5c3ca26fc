"""REST: environments."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router
from pydantic import BaseModel, ConfigDict, Field

from environments import lifecycle, summaries, workers
from environments.models import Environment
from projects import events
from projects import lifecycle as projects
from projects.access import Actor
from projects.rest.bodies import Answer, Body, Change, actor, as_json, created, shown_once
from projects.rest.conditional import require_match
from projects.rest.paging import Paging, page

router = Router(tags=["environments"])
PLAIN = (
    "id", "organization_id", "name", "display_name", "description", "tags", "priority", "configuration", "metadata",
    "settings", "tier", "protected", "kind", "project_id", "provisioner", "state", "error_message", "created_by",
    "created_at", "updated_at", "provisioned_at", "expires_at", "resources",
)  # fmt: skip


class ExecutionEnvironment(BaseModel):
    env_vars: dict[str, Any] | None = None
    secrets: list[Any] | None = Field(None, description="Must be empty for now.")
    integration_ids: list[Any] | None = Field(None, description="Must be empty for now.")
    mcp_servers: dict[str, Any] | None = None

    model_config = ConfigDict(extra="allow")


class EnvironmentFields(BaseModel):
    display_name: str | None = None
    description: str | None = None
    tags: list[str] | None = None
    priority: int | None = Field(None, description="1 to 10, 10 first; 5 unless given.", strict=True)
    policy_ids: list[Any] | None = Field(None, description="Must be empty for now.")
    status: str | None = Field(None, description="What is wished for: active or inactive.")
    configuration: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    settings: dict[str, Any] | None = None
    tier: str | None = Field(None, description="development, staging, production or other; guessed from the name.")
    protected: bool | None = Field(None, strict=True)
    kind: str | None = Field(None, description="permanent or ephemeral.")
    project_id: UUID | None = None
    provisioner: str | None = Field(None, description="process or external.")
    execution_environment: ExecutionEnvironment | None = None


class EnvironmentIn(EnvironmentFields, Body):
    name: str


class EnvironmentChange(EnvironmentFields, Change):
    name: str | None = None


class EndpointBrief(Answer):
    name: str
    url: str
    app: str
    service: str
    status: str


class ExecutionEnvironmentOut(Answer):
    env_vars: dict[str, Any]
    secrets: list[Any]
    integration_ids: list[Any]
    mcp_servers: dict[str, Any]


class EnvironmentOut(Answer):
    id: UUID
    organization_id: UUID
    name: str
    display_name: str
    description: str
    tags: list[str]
    priority: int
    policy_ids: list[Any]
    status: Literal["provisioning", "ready", "active", "inactive", "error"]
    state: str
    configuration: dict[str, Any]
    metadata: dict[str, Any]
    settings: dict[str, Any]
    tier: str
    protected: bool
    kind: str
    project_id: UUID | None
    provisioner: str
    execution_environment: ExecutionEnvironmentOut
    error_message: str
    temporal_namespace: str
    provisioning_workflow_id: UUID | None
    active_workers: int
    idle_workers: int
    busy_workers: int
    endpoints: list[EndpointBrief]
    resources: dict[str, Any]
    metrics: dict[str, Any]
    created_by: str
    created_at: datetime
    updated_at: datetime
    provisioned_at: datetime | None
    expires_at: datetime | None


class Filters(BaseModel):
    status_filter: str = ""
    project: str = ""
    tag: str = ""
    kind: Literal["permanent", "ephemeral", ""] = ""
    tier: Literal["development", "staging", "production", "other", ""] = ""
    q: str = ""


def shapes(by: Actor, rows: list[Environment]) -> list[dict[str, Any]]:
    derived = summaries.of(rows, by=by)
    return [
        {
            **{name: getattr(row, name) for name in PLAIN},
            "policy_ids": [],
            "temporal_namespace": row.namespace,
            "execution_environment": {
                "env_vars": row.env_vars,
                "secrets": [],
                "integration_ids": [],
                "mcp_servers": row.mcp_servers,
            },
            **derived[row.pk],
        }
        for row in rows
    ]


def shape(by: Actor, environment: Environment) -> dict[str, Any]:
    return shapes(by, [summaries.annotated(Environment.objects.all()).get(pk=environment.pk)])[0]


@router.get("/environments", response=list[EnvironmentOut])
def list_environments(request: HttpRequest, paging: Query[Paging], filters: Query[Filters]) -> list[dict[str, Any]]:
    by = actor(request)
    rows = lifecycle.visible(by)
    if filters.status_filter:
        rows = summaries.with_status(rows, filters.status_filter)
    if filters.project:
        rows = rows.filter(project=projects.find(by, filters.project))
    if filters.tag:
        rows = rows.filter(tags__contains=[filters.tag])
    if filters.kind:
        rows = rows.filter(kind=filters.kind)
    if filters.tier:
        rows = rows.filter(tier=filters.tier)
    if filters.q:
        rows = summaries.named(rows, filters.q)
    return shapes(by, page(request, summaries.annotated(rows), paging))


@router.post("/environments", response={201: EnvironmentOut})
def create_environment(request: HttpRequest, response: HttpResponse, body: EnvironmentIn) -> dict[str, Any]:
    """Its provisioning is queued at once."""
    by = actor(request)
    environment = lifecycle.create(by=by, **body.model_dump(exclude_unset=True))
    created(response, "environments", environment.id)
    return shape(by, environment)


@router.get("/environments/{id}", response=EnvironmentOut)
def get_environment(request: HttpRequest, id: UUID) -> dict[str, Any]:
    by = actor(request)
    return shape(by, lifecycle.find(by, id))


@router.patch("/environments/{id}", response=EnvironmentOut)
@events.operation
def update_environment(request: HttpRequest, id: UUID, body: EnvironmentChange) -> dict[str, Any]:
    """A field that is sent replaces the present one whole, null clears it."""
    by = actor(request)
    environment = lifecycle.find(by, id)
    wanted = Environment.objects.select_for_update(no_key=True).get(pk=environment.pk).wanted
    current = shape(by, environment)
    require_match(request, current)
    fields = body.given(current)
    # What was read and is sent back is no wish: `ready` is a status, but nothing that can be asked for. `inactive` can
    # be, and is one where the environment is on its way to something else.
    meant = fields.get("status") in set(Environment.Wanted.values) - {wanted}
    fields = {
        name: value
        for name, value in fields.items()
        if as_json(value) != as_json(current[name]) or (name == "status" and meant)
    }
    if fields:
        environment = lifecycle.update(environment, by=by, **fields)
    return shape(by, environment)


@router.delete("/environments/{id}", response={204: None})
def delete_environment(request: HttpRequest, id: UUID, force: bool = False) -> None:
    """From now on the name is free; what the environment has is given back step by step."""
    by = actor(request)
    lifecycle.delete(lifecycle.find(by, id), by=by, force=force)


@router.post("/environments/{id}/start", response=EnvironmentOut)
def start_environment(request: HttpRequest, id: UUID, body: Body | None = None) -> dict[str, Any]:
    by = actor(request)
    return shape(by, lifecycle.start(lifecycle.find(by, id), by=by))


@router.post("/environments/{id}/stop", response=EnvironmentOut)
def stop_environment(request: HttpRequest, id: UUID, body: Body | None = None) -> dict[str, Any]:
    by = actor(request)
    return shape(by, lifecycle.stop(lifecycle.find(by, id), by=by))


class CommandParts(Answer):
    binary: str
    subcommand: str
    flags: dict[str, str]


class WorkerCommandOut(Answer):
    command: str
    command_parts: CommandParts
    worker_token: str
    temporal_namespace: str
    environment_name: str
    namespace_status: str
    can_register: bool
    provisioning_workflow_id: UUID | None


@router.get("/environments/{id}/worker-command", response=WorkerCommandOut)
def get_worker_command(request: HttpRequest, response: HttpResponse, id: UUID) -> dict[str, Any]:
    """What to type on a machine so that a worker joins. It shows the worker token, so reading it is an event."""
    by = actor(request)
    shown_once(response)
    server = request.build_absolute_uri("/").rstrip("/")
    return workers.command(lifecycle.find(by, id), by=by, server=server)
