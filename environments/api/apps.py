"""REST: apps."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from environments.api.schemas.apps import AppChange, AppIn, AppOut
from environments.delivery import archivals
from projects import apps, events, lifecycle, names
from projects.models import App
from projects.rest.bodies import actor, created
from projects.rest.conditional import require_match
from projects.rest.paging import Paging, page

router = Router(tags=["apps"])


def shape(app: App) -> dict[str, Any]:
    return {name: getattr(app, name) for name in AppOut.model_fields}


@router.get("/apps", response=list[AppOut])
def list_apps(
    request: HttpRequest, paging: Query[Paging], project: str = "", q: str = "", archived: bool = False
) -> list[dict[str, Any]]:
    by = actor(request)
    rows = apps.visible(by, archived=archived)
    if project:
        rows = rows.filter(project=lifecycle.find(by, project))
    if q:
        rows = rows.filter(names.holding("name", q) | names.holding("description", q))
    return [shape(row) for row in page(request, rows, paging)]


@router.post("/apps", response={201: AppOut})
def create_app(request: HttpRequest, response: HttpResponse, body: AppIn) -> dict[str, Any]:
    by = actor(request)
    fields = body.model_dump(exclude={"project_id"})
    app = apps.create(by=by, project=lifecycle.find(by, body.project_id), **fields)
    created(response, "apps", app.id)
    return shape(app)


@router.get("/apps/{id}", response=AppOut)
def get_app(request: HttpRequest, id: UUID) -> dict[str, Any]:
    return shape(apps.find(actor(request), id))


@router.patch("/apps/{id}", response=AppOut)
@events.operation
def update_app(request: HttpRequest, id: UUID, body: AppChange) -> dict[str, Any]:
    by = actor(request)
    app = apps.locked(apps.find(by, id))
    current = shape(app)
    require_match(request, current)
    fields = {name: "" if value is None else value for name, value in body.given(current).items()}
    return shape(apps.update(app, by=by, **fields))


@router.delete("/apps/{id}", response={204: None})
def archive_app(request: HttpRequest, id: UUID) -> None:
    """It takes no more releases; what runs of it runs until it is removed. 409 while a deployment is in flight."""
    by = actor(request)
    archivals.archive(apps.find(by, id), by=by)


@router.post("/apps/{id}/restoration", response=AppOut)
def restore_app(request: HttpRequest, id: UUID) -> dict[str, Any]:
    """An archived app takes releases and deployments again; one that is not archived stays as it is."""
    by = actor(request)
    return shape(apps.restore(apps.find(by, id), by=by))
