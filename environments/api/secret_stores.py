"""REST: the stores in which secrets lie that are not kept here."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from environments.api.schemas.secret_stores import ProbeOut, StoreChange, StoreIn, StoreOut
from environments.configuration import stores
from environments.models import SecretStore
from projects import events
from projects.credentials import Secret
from projects.rest.bodies import actor, created
from projects.rest.conditional import require_match
from projects.rest.paging import Paging, page

router = Router(tags=["secret stores"])
CREDENTIALS = ("token", "role_id", "secret_id")
SHOWN = ("id", "name", "address", "mount", "namespace", "auth", "created_by", "created_at", "updated_at")


def shape(store: SecretStore) -> dict[str, Any]:
    return {**{name: getattr(store, name) for name in SHOWN}, "probe": probe_of(store)}


def probe_of(store: SecretStore) -> dict[str, Any]:
    return {
        "at": store.probed_at,
        "answers": store.probed_at is not None and not store.probe_code,
        "code": store.probe_code,
        "error": store.probe_error,
    }


def _credentials(given: Mapping[str, Any]) -> dict[str, Secret]:
    return {name: Secret(given[name]) for name in CREDENTIALS if given.get(name)}


@router.get("/secret-stores", response=list[StoreOut])
def list_secret_stores(request: HttpRequest, paging: Query[Paging]) -> list[dict[str, Any]]:
    """For who manages them; for others there are none."""
    return [shape(row) for row in page(request, stores.visible(actor(request)), paging)]


@router.post("/secret-stores", response={201: StoreOut})
def create_secret_store(request: HttpRequest, response: HttpResponse, body: StoreIn) -> dict[str, Any]:
    """It is not asked yet: that is what a probe is for."""
    given = body.model_dump()
    wish = {name: value for name, value in given.items() if name not in CREDENTIALS}
    store = stores.create(by=actor(request), credentials=_credentials(given), **wish)
    created(response, "secret-stores", store.id)
    return shape(store)


@router.get("/secret-stores/{id}", response=StoreOut)
def get_secret_store(request: HttpRequest, id: UUID) -> dict[str, Any]:
    return shape(stores.find(actor(request), id))


@router.patch("/secret-stores/{id}", response=StoreOut)
@events.operation
def update_secret_store(request: HttpRequest, id: UUID, body: StoreChange) -> dict[str, Any]:
    by = actor(request)
    store = stores.locked(stores.find(by, id), by=by)
    current = shape(store)
    require_match(request, current)
    given = body.given(current)
    wish = {name: value for name, value in given.items() if name not in CREDENTIALS}
    return shape(stores.update(store, by=by, credentials=_credentials(given), **wish))


@router.delete("/secret-stores/{id}", response={204: None})
def delete_secret_store(request: HttpRequest, id: UUID) -> None:
    """409 `in-use` while secrets lie there, or what runs was deployed with one."""
    by = actor(request)
    stores.delete(stores.find(by, id), by=by)


@router.post("/secret-stores/{id}/probes", response=ProbeOut)
def probe_secret_store(request: HttpRequest, id: UUID) -> dict[str, Any]:
    """Sign in there and look at the mount, now. It takes about 8 seconds at most."""
    by = actor(request)
    store = stores.find(by, id)
    stores.probe(store, by=by)
    return probe_of(store)
