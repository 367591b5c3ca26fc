"""REST: environments compared key by key, and a key copied from one to another."""

from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from environments.api.schemas.comparing import (
    Asked,
    ComparedEnvironment,
    CopyIn,
    CopyOut,
    EnvironmentsComparedOut,
)
from environments.configuration import comparisons, copying, placing
from environments.configuration.copying import Copy
from environments.models import Entry
from environments.resolving.comparing import Cell, Comparison
from environments.resolving.scopes import Scope
from projects import apps
from projects import lifecycle as projects
from projects.access import Actor
from projects.errors import Invalid
from projects.rest.bodies import actor, shown_once

router = Router(tags=["configuration"])


@router.get("/environments/compare", response=EnvironmentsComparedOut)
def compare_environments(request: HttpRequest, asked: Query[Asked]) -> HttpResponse:
    """What holds in each, for an app, a project or everything there. Of secrets it is told whether they are set; with
    `secrets` also which are equal, to those who may write them on both sides."""
    by = actor(request)
    idents = [one for given in asked.ids for one in given.split(",") if one]
    environments = comparisons.environments(by, idents)
    holder = Scope(
        project=projects.find(by, asked.project) if asked.project else None,
        app=apps.find(by, asked.app) if asked.app else None,
    )
    look = comparisons.compare_secrets if asked.secrets else comparisons.compare
    told = _shape(look(environments, holder, by=by), holder, asked.difference, by=by)
    # As it is: judging each of thousands of values by its schema costs more than comparing them.
    response = HttpResponse(orjson.dumps(told), content_type="application/json; charset=utf-8")
    if asked.secrets:
        shown_once(response)
    return response


@router.post("/configuration/copies", response=CopyOut)
def copy_key(request: HttpRequest, body: CopyIn) -> dict[str, Any]:
    """Set a key in another environment as it is in one; `dry_run` answers what that would replace."""
    by = actor(request)
    origin, there = (placing.environment(by, one) for one in (body.from_environment_id, body.to_environment_id))
    holder = placing.scope(by, project_id=body.project_id, app_id=body.app_id)
    places = copying.scopes(there, holder)
    level = body.level or copying.level_of(copying.winner(body.key, origin, holder, by=by))
    if level not in places:
        raise Invalid.field("level", f"one of {', '.join(places)}")
    if body.dry_run:
        return _copied(copying.preview(body.key, origin, holder, places[level], by=by))
    return _copied(*copying.copy(body.key, origin, holder, places[level], by=by, seen=body.seen))


def _shape(found: Comparison, holder: Scope, difference: str | None, *, by: Actor) -> dict[str, Any]:
    ids = [one.pk for one in found.environments]
    return {
        "environments": [
            {name: getattr(one, name) for name in ComparedEnvironment.model_fields} for one in found.environments
        ],
        "project_id": holder.project.pk if holder.project else None,
        "app_id": holder.app.pk if holder.app else None,
        "counts": found.counts,
        "warnings": [
            {
                "key": row.key,
                "environment_ids": [ids[n] for n in row.shared],
                "sentence": comparisons.sentence(row, found),
            }
            for row in found.shared
        ],
        "keys": [
            {
                "key": row.key,
                "kind": row.kind,
                "difference": row.difference,
                "values": [_value(cell, id, holder, by=by) for cell, id in zip(row.cells, ids, strict=True)],
            }
            for row in found.rows
            if difference in (None, row.difference)
        ],
    }


def _value(cell: Cell, environment_id: Any, holder: Scope, *, by: Actor) -> dict[str, Any]:
    one = cell.winner
    return {
        "environment_id": environment_id,
        "state": "missing" if one is None else "no-value" if cell.problem else "set",
        "value": cell.value,
        "masked": cell.masked,
        "fingerprint": cell.fingerprint or None,
        "problem": cell.problem,
        "scope": comparisons.scope_of(one, holder, by=by) if one else "",
        "inherited": cell.is_inherited,
        "overrides": cell.overrides,
        "entry_id": one.entry_id if one else None,
        "version": one.number if one else None,
        "set_by": one.by if one else None,
        "set_at": one.at if one else None,
    }


def _copied(copied: Copy, made: Entry | None = None) -> dict[str, Any]:
    old = copied.replaces
    held = made or old
    return {
        "key": copied.source.key,
        "kind": copied.source.kind,
        "scope": str(copied.scope),
        "value": copied.value,
        "replaces_version": old.current.number if old and old.current else None,
        "replaced_value": copied.replaced,
        "entry_id": held.pk if held else None,
        "digest": copied.digest,
    }
