"""REST: variables, and what they have in common with secrets."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from environments import lifecycle
from environments.api.schemas.configuration import (
    Filters,
    Place,
    RestorationIn,
    VariableChange,
    VariableIn,
    VariableOut,
    VariableVersionOut,
)
from environments.configuration import entries, placing, rights, variables
from environments.models import Entry, EntryKind, EntryVersion
from environments.resolving.scopes import COLUMNS, Scope
from projects import agents, apps, events, names, teams
from projects import lifecycle as projects
from projects.access import Actor
from projects.errors import Invalid
from projects.rest.bodies import actor, created
from projects.rest.conditional import require_match
from projects.rest.paging import Paging, page

router = Router(tags=["configuration"])


@router.get("/variables", response=list[VariableOut])
def list_variables(request: HttpRequest, paging: Query[Paging], filters: Query[Filters]) -> list[dict[str, Any]]:
    """With `key` it says in which scopes a key is set."""
    rows = filtered(actor(request), EntryKind.VARIABLE, filters)
    return [shape(row) for row in page(request, rows, paging)]


@router.post("/variables", response={201: VariableOut})
def create_variable(request: HttpRequest, response: HttpResponse, body: VariableIn) -> dict[str, Any]:
    """409 where the scope has the key already."""
    by = actor(request)
    entry = variables.create(placed(by, body), by=by, **body.model_dump(exclude={*COLUMNS}))
    created(response, "variables", entry.id)
    return shape(entries.find(by, entry.id))


@router.get("/variables/{id}", response=VariableOut)
def get_variable(request: HttpRequest, id: UUID) -> dict[str, Any]:
    """Also one that was deleted, whose versions can be restored."""
    return shape(entries.find(actor(request), id, EntryKind.VARIABLE))


@router.patch("/variables/{id}", response=VariableOut)
@events.operation
def update_variable(request: HttpRequest, id: UUID, body: VariableChange) -> dict[str, Any]:
    """Another value or type is a new version. Scope and key never change: a moved value is a new variable."""
    by = actor(request)
    entry = entries.find(by, id, EntryKind.VARIABLE, held=True)
    current = shape(entry)
    require_match(request, current)
    fields = changed(body.given(current), current)
    rights.check_write(entries.scope_of(entry), by=by)
    if {"value", "type"} & set(fields):
        note = fields.pop("note", "")
        value, kind = fields.pop("value", current["value"]), fields.pop("type", current["type"])
        entry = variables.update(entry, by=by, value=value, type=kind, note=note)
    return shape(described(entry, by=by, **fields))


@router.delete("/variables/{id}", response={204: None})
def delete_variable(request: HttpRequest, id: UUID) -> None:
    """It holds nowhere any more; restoring one of its versions brings it back."""
    by = actor(request)
    entries.delete(entries.find(by, id, EntryKind.VARIABLE), by=by)


@router.get("/variables/{id}/versions", response=list[VariableVersionOut])
def list_variable_versions(request: HttpRequest, id: UUID, paging: Query[Paging]) -> list[dict[str, Any]]:
    entry = entries.find(actor(request), id, EntryKind.VARIABLE)
    return [version_shape(row, entry) for row in page(request, entries.history(entry), paging)]


@router.post("/variables/{id}/versions/{n}/restoration", response=VariableOut)
def restore_variable(request: HttpRequest, id: UUID, n: int, body: RestorationIn | None = None) -> dict[str, Any]:
    """What version `n` said, as a new version; also of a variable that was deleted."""
    by = actor(request)
    entry = variables.restore(entries.find(by, id, EntryKind.VARIABLE), n, by=by, note=body.note if body else "")
    return shape(entries.find(by, entry.id))


def shape(entry: Entry) -> dict[str, Any]:
    """What is told of both kinds, and of a variable its value."""
    current = entry.current
    assert current is not None
    plain = (
        "id",
        "key",
        *COLUMNS,
        "integration_id",
        "description",
        "created_by",
        "created_at",
        "updated_at",
        "deleted_at",
    )
    told = {name: getattr(entry, name) for name in plain}
    told |= {
        "scope": str(entries.scope_of(entry)),
        "version": current.number,
        "note": current.note,
        "updated_by": current.created_by,
    }
    return told | ({"type": current.type, "value": current.value} if entry.kind == EntryKind.VARIABLE else {})


def version_shape(version: EntryVersion, entry: Entry) -> dict[str, Any]:
    plain = ("number", "deleted", "restores", "note", "created_by", "created_at")
    told = {name: getattr(version, name) for name in plain} | {"current": version.pk == entry.current_id}
    return told | ({"type": version.type, "value": version.value} if entry.kind == EntryKind.VARIABLE else {})


def placed(by: Actor, body: Place) -> Scope:
    """The scope that a body names."""
    return placing.scope(by, **{column: getattr(body, column) for column in COLUMNS})


def filtered(by: Actor, kind: EntryKind, filters: Filters) -> QuerySet[Entry]:
    rows = entries.visible(by, kind, deleted=filters.deleted)
    if filters.environment:
        rows = rows.filter(environment=lifecycle.find(by, filters.environment))
    if filters.project:
        # Those of its apps, too.
        rows = rows.filter(within=projects.find(by, filters.project))
    if filters.app:
        rows = rows.filter(app=apps.find(by, filters.app))
    if filters.team:
        rows = rows.filter(team=teams.find(by, filters.team))
    if filters.agent:
        rows = rows.filter(agent=agents.find(by, filters.agent))
    if filters.key:
        rows = rows.filter(key=filters.key)
    if filters.q:
        rows = rows.filter(names.holding("key", filters.q) | names.holding("description", filters.q))
    return rows


def changed(fields: dict[str, Any], current: dict[str, Any]) -> dict[str, Any]:
    """What is not as it is; Invalid for what cannot be cleared, and for a note without a value to go with."""
    for name in ("value", "type", "stored_at"):
        if name in fields and fields[name] is None:
            raise Invalid.field(name, "is required: delete what should have no value")
    fields = {name: value for name, value in fields.items() if name not in current or value != current[name]}
    if fields.get("note", "") is None:
        fields["note"] = ""
    if fields.get("note") and not {"value", "type", "stored_at"} & set(fields):
        raise Invalid.field("note", "belongs to a new value: send it with one")
    return fields


def described(entry: Entry, *, by: Actor, **columns: Any) -> Entry:
    """With what is said about it beside its value; null clears."""
    columns.pop("note", None)
    for name, empty in (("description", ""), ("write_only", False)):
        if name in columns and columns[name] is None:
            columns[name] = empty
    return entries.describe(entry, by=by, **columns) if columns else entry
