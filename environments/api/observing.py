"""REST: what happened and what runs: events, addresses and services' logs."""

import re
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import P, Query, QueryEx, Router

from environments import lifecycle, service_logs, summaries, undoing
from environments.api.schemas.observing import EndpointOut, EventFilters, EventOut, LogLineOut
from environments.models import Endpoint
from projects import apps, history, scopes
from projects import lifecycle as projects
from projects.errors import Invalid
from projects.rest import paging as pages
from projects.rest.bodies import actor
from projects.rest.paging import Paging, page
from projects.rest.shapes import Moment

router = Router(tags=["events"])
PLACE = re.compile(r"[0-9]{1,18}-[0-9]{1,9}")


@router.get("/events", response=list[EventOut])
def list_events(
    request: HttpRequest, paging: Query[Paging], filters: Query[EventFilters], environment: str = ""
) -> list[dict[str, Any]]:
    """Ascending; `after` (or the cursor) is the last id one has seen."""
    by = actor(request)
    found = lifecycle.find(by, environment, terminating=True) if environment else None
    return read_events(request, paging, filters, environment_id=found.id if found else None)


@router.get("/environments/{id}/events", response=list[EventOut])
def list_environment_events(
    request: HttpRequest, id: UUID, paging: Query[Paging], filters: Query[EventFilters]
) -> list[dict[str, Any]]:
    by = actor(request)
    return read_events(request, paging, filters, environment_id=lifecycle.find(by, id).id)


@router.post("/events/{id}/undoing", response=EventOut)
def undo_event(request: HttpRequest, id: str) -> dict[str, Any]:
    """Take back what the event tells of, with the rights that the change itself needs; answers the event.

    409 where it cannot be undone (`cannot-undo`), and where the thing has moved on since (`moved-on`).
    """
    by = actor(request)
    return history.told(by.organization, undoing.undo(history.find(by, id).pk, by=by))


def read_events(
    request: HttpRequest, paging: Paging, filters: EventFilters, *, environment_id: UUID | None
) -> list[dict[str, Any]]:
    by = actor(request)
    project = projects.find(by, filters.project) if filters.project else None
    rows = history.events(
        by,
        after=paging.cursor or filters.after,
        environment_id=environment_id,
        project_id=project.id if project else None,
        kind=filters.kind,
        actor=filters.actor,
    )
    found = list(rows[paging.skip : paging.skip + paging.limit + 1])
    if len(found) > paging.limit:
        found = found[: paging.limit]
        pages.link(request, history.mark(by.organization, found[-1]))
    return [history.told(by.organization, event) for event in found]


@router.get("/endpoints", response=list[EndpointOut])
def list_endpoints(
    request: HttpRequest, paging: Query[Paging], environment: str = "", app: str = ""
) -> list[dict[str, Any]]:
    by = actor(request)
    seen = scopes.rows(by, project="app__project", environment="environment")
    rows = Endpoint.objects.filter(seen, released_at=None, environment__in=lifecycle.visible(by).order_by())
    if environment:
        rows = rows.filter(environment=lifecycle.find(by, environment))
    if app:
        rows = rows.filter(app=apps.find(by, app))
    found = [row.pk for row in page(request, rows, paging)]
    return summaries.endpoints(Endpoint.objects.filter(pk__in=found))


@router.get("/environments/{id}/logs", response=list[LogLineOut])
def list_service_logs(
    request: HttpRequest,
    id: UUID,
    app: str = "",
    service: str = "",
    since: Moment | None = None,
    limit: QueryEx[int, P(ge=1, le=1000)] = 100,
    cursor: QueryEx[str, P(description="Where older lines begin, from the Link header.")] = "",
    skip: QueryEx[int, P(ge=0, le=10_000, description="Lines to leave out at the new end.")] = 0,
) -> list[dict[str, Any]]:
    """The newest `limit` lines the environment's services wrote, oldest first; the Link header leads to older ones."""
    by = actor(request)
    environment = lifecycle.find(by, id)
    found = apps.find(by, app) if app else None
    if cursor and not PLACE.fullmatch(cursor):
        raise Invalid.field("cursor", "is not one of ours; begin without it")
    chunk, _, line = cursor.partition("-")
    lines, older = service_logs.newest(
        environment,
        by=by,
        app=found,
        service=service,
        since=since,
        before=(int(chunk), int(line)) if cursor else None,
        skip=skip,
        limit=limit,
    )
    if older:
        pages.link(request, "{}-{}".format(*older))
    return lines
