"""REST: integrations."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from environments.api.schemas.integrations import (
    Filters,
    IntegrationChange,
    IntegrationIn,
    IntegrationOut,
    IntegrationProbeOut,
    ProbeIn,
)
from environments.configuration import catalogue, enabling, integrations, placing, probing
from environments.models import Integration
from projects import events
from projects.access import Actor
from projects.rest.bodies import actor, created
from projects.rest.conditional import require_match
from projects.rest.paging import Paging, page

router = Router(tags=["integrations"])
PLAIN = (
    "id", "name", "type", "description", "settings", "secrets", "connected", "probed_at", "probe_code", "created_by",
    "created_at", "updated_at",
)  # fmt: skip


def shapes(by: Actor, rows: Sequence[Integration]) -> list[dict[str, Any]]:
    """One statement more than finding them, however many."""
    enabled = enabling.by_integration(rows, by=by)
    return [
        {
            **{name: getattr(row, name) for name in PLAIN},
            "env_vars": [one.key for one in catalogue.rows(row)],
            "probe_error": probing.error(row, by=by),
            "probed_in": row.probed_in_id if probing.seen(row, by=by) else None,
            "enabled_in": [
                {
                    "scope": str(scope),
                    "environment_id": scope.environment_id,
                    "team_id": scope.team.pk if scope.team else None,
                    "agent_id": scope.agent.pk if scope.agent else None,
                }
                for scope in enabled[row.pk]
            ],
        }
        for row in rows
    ]


def shape(by: Actor, integration: Integration) -> dict[str, Any]:
    return shapes(by, [integration])[0]


@router.get("/integrations", response=list[IntegrationOut])
def list_integrations(request: HttpRequest, paging: Query[Paging], filters: Query[Filters]) -> list[dict[str, Any]]:
    by = actor(request)
    rows = integrations.visible(by, connected_only=filters.connected_only).select_related("probed_in")
    return shapes(by, page(request, rows, paging))


@router.post("/integrations", response={201: IntegrationOut})
def create_integration(request: HttpRequest, response: HttpResponse, body: IntegrationIn) -> dict[str, Any]:
    """It is enabled nowhere and not asked yet: `integration_ids` of an execution environment enable it, and a probe
    asks it."""
    by = actor(request)
    made = integrations.create(by=by, **body.model_dump())
    created(response, "integrations", made.id)
    return shape(by, made)


@router.get("/integrations/{id}", response=IntegrationOut)
def get_integration(request: HttpRequest, id: UUID) -> dict[str, Any]:
    by = actor(request)
    return shape(by, integrations.find(by, id))


@router.patch("/integrations/{id}", response=IntegrationOut)
@events.operation
def update_integration(request: HttpRequest, id: UUID, body: IntegrationChange) -> dict[str, Any]:
    """What it sets changes with it wherever it is enabled, as new versions."""
    by = actor(request)
    found = integrations.locked(integrations.find(by, id), by=by)
    current = shape(by, found)
    require_match(request, current)
    return shape(by, integrations.update(found, by=by, **body.given(current)))


@router.delete("/integrations/{id}", response={204: None})
def delete_integration(request: HttpRequest, id: UUID) -> None:
    """409 `in-use` while it is enabled somewhere."""
    by = actor(request)
    integrations.delete(integrations.find(by, id), by=by)


@router.post("/integrations/{id}/probes", response=IntegrationProbeOut)
def probe_integration(request: HttpRequest, id: UUID, body: ProbeIn | None = None) -> dict[str, Any]:
    """Ask it now, with the secrets of an environment in which you may change configuration. It takes about 8 seconds,
    and as long again where a credential lies in a secret store; what came of it is kept."""
    by = actor(request)
    found = integrations.find(by, id)
    place = placing.environment(by, body.environment_id) if body and body.environment_id else None
    probing.probe(found, by=by, environment=place)
    told = integrations.find(by, id)
    return {
        "at": told.probed_at,
        "answers": told.connected,
        "code": told.probe_code,
        "error": probing.error(told, by=by),
    }
