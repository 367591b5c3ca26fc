"""REST: secrets. Their values come in here, and leave by one door alone."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from environments.api import configuration
from environments.api.schemas.configuration import (
    Asked,
    Filters,
    RestorationIn,
    RevocationIn,
    SecretChange,
    SecretIn,
    SecretOut,
    SecretVersionOut,
    StoredAt,
    ValueOut,
)
from environments.configuration import entries, revealing, rights, secrets, stores
from environments.configuration.entries import Kept
from environments.models import Entry, EntryKind, EntryVersion
from environments.resolving import targets
from environments.resolving.scopes import COLUMNS
from projects import apps, events
from projects.access import Actor
from projects.credentials import Secret
from projects.errors import Invalid
from projects.rest.bodies import actor, created, shown_once
from projects.rest.conditional import require_match
from projects.rest.paging import Paging, page
from projects.rest.shapes import Reasoned

router = Router(tags=["configuration"])


@router.get("/secrets", response=list[SecretOut])
def list_secrets(request: HttpRequest, paging: Query[Paging], filters: Query[Filters]) -> list[dict[str, Any]]:
    """Never their values. With `key` it says in which scopes a key is set."""
    rows = configuration.filtered(actor(request), EntryKind.SECRET, filters)
    return [shape(row) for row in page(request, rows, paging)]


@router.post("/secrets", response={201: SecretOut})
def create_secret(request: HttpRequest, response: HttpResponse, body: SecretIn) -> dict[str, Any]:
    """409 where the scope has the key already."""
    by = actor(request)
    fields = body.model_dump(exclude={*COLUMNS, "value", "stored_at"})
    entry = secrets.create(configuration.placed(by, body), by=by, value=_held(by, body.value, body.stored_at), **fields)
    created(response, "secrets", entry.id)
    return shape(entries.find(by, entry.id))


# Before `/secrets/{id}/versions`, which would take `value` for an id.
@router.get("/secrets/value/{name}", response=ValueOut)
def reveal_secret(
    request: HttpRequest, response: HttpResponse, name: str, asked: Query[Asked], why: Query[Reasoned], app: str = ""
) -> dict[str, str]:
    """The value of a secret as it is resolved for an app, a project or an environment. Reading it is an event.

    It needs the right to reveal where the secret is set and in the environment; a write-only one is 403 for everybody.
    """
    by = actor(request)
    shown_once(response)
    if app:
        found = apps.find(by, app)
        question = targets.find("app", found.id, by=by, environment=asked.environment, project=asked.project)
    else:
        question = targets.of_environment(by=by, environment=asked.environment, project=asked.project)
    return {"value": revealing.reveal_one(question, name, by=by).reveal()}


@router.get("/secrets/{id}", response=SecretOut)
def get_secret(request: HttpRequest, id: UUID) -> dict[str, Any]:
    """Never its value. Also one that was deleted, whose versions can be restored."""
    return shape(entries.find(actor(request), id, EntryKind.SECRET))


@router.patch("/secrets/{id}", response=SecretOut)
@events.operation
def update_secret(request: HttpRequest, id: UUID, body: SecretChange) -> dict[str, Any]:
    """Another value is a new version. Scope and key never change: a moved secret is a new one."""
    by = actor(request)
    entry = entries.find(by, id, EntryKind.SECRET, held=True)
    current = shape(entry)
    require_match(request, current)
    fields = configuration.changed(body.given(current), current)
    rights.check_write(entries.scope_of(entry), by=by)
    if {"value", "stored_at"} & set(fields):
        held = _held(by, fields.pop("value", None), body.stored_at if fields.pop("stored_at", None) else None)
        entry = secrets.update(entry, by=by, value=held, note=fields.pop("note", ""))
    return shape(configuration.described(entry, by=by, **fields))


@router.delete("/secrets/{id}", response={204: None})
def delete_secret(request: HttpRequest, id: UUID) -> None:
    """It holds nowhere any more; restoring one of its versions brings it back."""
    by = actor(request)
    entries.delete(entries.find(by, id, EntryKind.SECRET), by=by)


@router.get("/secrets/{id}/versions", response=list[SecretVersionOut])
def list_secret_versions(request: HttpRequest, id: UUID, paging: Query[Paging]) -> list[dict[str, Any]]:
    entry = entries.find(actor(request), id, EntryKind.SECRET)
    return [version_shape(row, entry) for row in page(request, entries.history(entry), paging)]


@router.post("/secrets/{id}/versions/{n}/restoration", response=SecretOut)
def restore_secret(request: HttpRequest, id: UUID, n: int, body: RestorationIn | None = None) -> dict[str, Any]:
    """What version `n` said, as a new version; one that was revoked is 409."""
    by = actor(request)
    entry = secrets.restore(entries.find(by, id, EntryKind.SECRET), n, by=by, note=body.note if body else "")
    return shape(entries.find(by, entry.id))


@router.post("/secrets/{id}/versions/{n}/revocation", response=SecretVersionOut)
def revoke_secret_version(request: HttpRequest, id: UUID, n: int, body: RevocationIn | None = None) -> dict[str, Any]:
    """It is never used again, by nothing: what would resolve to it has no value until a new one is set."""
    by = actor(request)
    entry = entries.find(by, id, EntryKind.SECRET)
    version = secrets.revoke(entry, n, by=by, destroy=bool(body and body.destroy))
    return version_shape(version, entry)


def _held(by: Actor, value: str | None, at: StoredAt | None) -> Secret | Kept:
    """What is sealed here, or where it lies; Invalid for both or none of them."""
    if (value is None) == (at is None):
        raise Invalid.field("value", "give a value, or stored_at where it lies in a secret store: one of the two.")
    if at is None:
        return Secret(value or "")
    return Kept(store=stores.find(by, at.store_id), path=at.path, field=at.field)


def shape(entry: Entry) -> dict[str, Any]:
    assert entry.current is not None
    return {
        **configuration.shape(entry),
        "stored_at": _place(entry.current),
        "write_only": entry.write_only,
        "rotate_on": entry.rotate_on,
        "revoked_at": entry.current.revoked_at,
        "destroyed_at": entry.current.destroyed_at,
    }


def _place(version: EntryVersion) -> dict[str, Any] | None:
    if version.store_id is None:
        return None
    return {"store_id": version.store_id, "path": version.path, "field": version.field}


def version_shape(version: EntryVersion, entry: Entry) -> dict[str, Any]:
    kept = {name: getattr(version, name) for name in ("revoked_at", "revoked_by", "destroyed_at")}
    return configuration.version_shape(version, entry) | kept
