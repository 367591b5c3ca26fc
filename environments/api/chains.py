"""REST: promotion chains."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from environments.api.schemas.chains import ChainChange, ChainIn, ChainOut
from environments.delivery import chains
from environments.models import Chain, Stage
from projects import events, lifecycle
from projects.access import Actor
from projects.rest.bodies import actor, created
from projects.rest.conditional import require_match
from projects.rest.paging import Paging, page

router = Router(tags=["chains"])
EMPTY: dict[str, Any] = {"name": "", "stages": []}


def shapes(by: Actor, rows: list[Chain]) -> list[dict[str, Any]]:
    seen = by.visible_environments
    stages = Stage.objects.filter(chain__in=rows).order_by("position").prefetch_related("places__environment")
    places: dict[UUID, list[Stage]] = {row.pk: [] for row in rows}
    for stage in stages:
        places[stage.chain_id].append(stage)
    return [
        {
            "id": row.id,
            "name": row.name,
            "project_id": row.project_id,
            "stages": [
                {
                    "name": stage.name,
                    "environments": [
                        place.environment.name
                        for place in stage.places.all()
                        if seen is None or place.environment_id in seen
                    ],
                }
                for stage in places[row.pk]
            ],
            "created_by": row.created_by,
            "created_at": row.created_at,
            "updated_at": row.updated_at,
        }
        for row in rows
    ]


@router.get("/chains", response=list[ChainOut])
def list_chains(request: HttpRequest, paging: Query[Paging], project: str = "") -> list[dict[str, Any]]:
    by = actor(request)
    rows = chains.visible(by)
    if project:
        rows = rows.filter(project=lifecycle.find(by, project))
    return shapes(by, page(request, rows, paging))


@router.post("/chains", response={201: ChainOut})
def create_chain(request: HttpRequest, response: HttpResponse, body: ChainIn) -> dict[str, Any]:
    """The organization's default chain, or with `project_id` that project's own."""
    by = actor(request)
    chain = chains.create(
        by=by,
        name=body.name,
        project=lifecycle.find(by, body.project_id) if body.project_id else None,
        stages=[stage.model_dump() for stage in body.stages],
        create_missing=body.create_missing,
    )
    created(response, "chains", chain.id)
    return shapes(by, [chain])[0]


@router.get("/chains/{id}", response=ChainOut)
def get_chain(request: HttpRequest, id: UUID) -> dict[str, Any]:
    by = actor(request)
    return shapes(by, [chains.find(by, id)])[0]


@router.patch("/chains/{id}", response=ChainOut)
@events.operation
def update_chain(request: HttpRequest, id: UUID, body: ChainChange) -> dict[str, Any]:
    by = actor(request)
    chain = chains.locked(chains.find(by, id))
    current = shapes(by, [chain])[0]
    require_match(request, current)
    # A cleared field is an empty one, which the room does not take.
    fields = {name: EMPTY[name] if value is None else value for name, value in body.given(current).items()}
    return shapes(by, [chains.update(chain, by=by, **fields)])[0]


@router.delete("/chains/{id}", response={204: None})
def delete_chain(request: HttpRequest, id: UUID) -> None:
    by = actor(request)
    chains.delete(chains.find(by, id), by=by)
