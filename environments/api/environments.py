"""REST: environments."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from environments import lifecycle, summaries, workers
from environments.api.schemas.environments import (
    EnvironmentChange,
    EnvironmentIn,
    EnvironmentOut,
    Filters,
    SeveralIn,
    SeveralOut,
    WorkerCommandOut,
)
from environments.configuration import enabling, variables
from environments.models import Environment
from projects import events
from projects import lifecycle as projects
from projects.access import Actor
from projects.rest.bodies import actor, created, shown_once
from projects.rest.conditional import names_a_version, require_match
from projects.rest.paging import Paging, page
from projects.rest.shapes import Reasoned, as_json

router = Router(tags=["environments"])
PLAIN = (
    "id", "organization_id", "name", "display_name", "description", "tags", "priority", "configuration", "metadata",
    "settings", "tier", "protected", "kind", "project_id", "provisioner", "state", "error_message", "created_by",
    "created_at", "updated_at", "provisioned_at", "expires_at", "resources",
)  # fmt: skip


def shapes(by: Actor, rows: list[Environment]) -> list[dict[str, Any]]:
    derived, given = summaries.of(rows, by=by), variables.of_environments(row.pk for row in rows)
    enabled = enabling.of_holders("environment", (row.pk for row in rows))
    return [
        {
            **{name: getattr(row, name) for name in PLAIN},
            "policy_ids": [],
            "based_on": row.based_on_id,
            "temporal_namespace": row.namespace,
            "execution_environment": {
                "env_vars": given[row.pk],
                "secrets": row.required_secrets,
                "integration_ids": enabled[row.pk],
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


@router.post("/environments/bulk", response=SeveralOut)
def act_on_environments(request: HttpRequest, body: SeveralIn) -> dict[str, Any]:
    """One wish about up to 100 environments, an operation for each: 200 says of every one what came of it.

    Protected ones are neither stopped nor deleted so. Where none of them may be seen the answer is 404, where the
    right is lacking everywhere 403.
    """
    outcomes = lifecycle.act_on_several(body.act, body.ids, by=actor(request), tag=body.tag)
    done = sum(one.done for one in outcomes)
    return {
        "done": done,
        "refused": len(outcomes) - done,
        "results": [
            {"id": one.id, "name": one.name, "done": one.done, "detail": one.sentence, "code": one.code}
            for one in outcomes
        ],
    }


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
    fields = body.given(current, tagged=names_a_version(request))
    # What was read and is sent back is no wish: `ready` is a status, but nothing that can be asked for. `inactive` can
    # be, and is one where it comes alone, or the environment is on its way to something else.
    meant = fields.get("status") in set(Environment.Wanted.values) - ({wanted} if len(fields) > 1 else set())
    fields = {
        name: value
        for name, value in fields.items()
        if as_json(value) != as_json(current[name]) or (name == "status" and meant)
    }
    if fields:
        environment = lifecycle.update(environment, by=by, **fields)
    else:
        lifecycle.check_manage(environment, by=by)
    return shape(by, environment)


@router.delete("/environments/{id}", response={204: None})
def delete_environment(request: HttpRequest, id: UUID, force: bool = False) -> None:
    """From now on the name is free; what the environment has is given back step by step.

    `force` interrupts deployments in flight, revokes the workers' sessions before their services have stopped, and
    where the environment's host is gone gives up what is on it.
    """
    by = actor(request)
    lifecycle.delete(lifecycle.find(by, id), by=by, force=force)


@router.post("/environments/{id}/start", response=EnvironmentOut)
def start_environment(request: HttpRequest, id: UUID) -> dict[str, Any]:
    by = actor(request)
    return shape(by, lifecycle.start(lifecycle.find(by, id), by=by))


@router.post("/environments/{id}/stop", response=EnvironmentOut)
def stop_environment(request: HttpRequest, id: UUID) -> dict[str, Any]:
    by = actor(request)
    return shape(by, lifecycle.stop(lifecycle.find(by, id), by=by))


@router.get("/environments/{id}/worker-command", response=WorkerCommandOut)
def get_worker_command(request: HttpRequest, response: HttpResponse, id: UUID, why: Query[Reasoned]) -> dict[str, Any]:
    """What to type on a machine so that a worker joins. It shows the worker token, so reading it is an event."""
    by = actor(request)
    shown_once(response)
    server = request.build_absolute_uri("/").rstrip("/")
    return workers.command(lifecycle.find(by, id), by=by, server=server)
