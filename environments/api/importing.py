"""REST: a scope's keys taken in and away as the text of a `.env` file."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from environments.api.schemas.importing import Exported, ImportIn, ImportOut, Scoped
from environments.configuration import exporting, importing, placing
from environments.configuration.importing import Difference, Wish
from environments.resolving.scopes import COLUMNS, Scope
from projects.access import Actor
from projects.credentials import Secret
from projects.rest.bodies import actor, shown_once

router = Router(tags=["configuration"])
TEXT = {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "As in a `.env` file."}


@router.post("/configuration/imports", response=ImportOut)
def import_configuration(request: HttpRequest, body: ImportIn) -> dict[str, Any]:
    """All of the text or nothing of it; `dry_run` answers what would change. 422 names every line that is wrong."""
    by = actor(request)
    scope = placed(by, body)
    wish = Wish(
        text=Secret(body.text),
        secrets=frozenset(body.secrets),
        as_secrets=body.as_secrets,
        replace=body.replace,
    )
    if body.dry_run:
        return _shape(importing.preview(scope, wish, by=by), dry_run=True)
    return _shape(importing.save(scope, wish, by=by, seen=body.seen), dry_run=False)


@router.get("/configuration/export", response=None, openapi_extra={"responses": {200: TEXT}})
def export_configuration(request: HttpRequest, asked: Query[Exported]) -> HttpResponse:
    """The keys of one scope: variables as they were set, secrets as comments that name them."""
    by = actor(request)
    scope = placed(by, asked)
    text = exporting.revealed(scope, by=by).reveal() if asked.reveal else exporting.text(scope, by=by)
    response = HttpResponse(text, content_type="text/plain; charset=utf-8")
    if asked.reveal:
        shown_once(response)
    return response


def placed(by: Actor, given: Scoped) -> Scope:
    return placing.scope(by, **{column: getattr(given, column) for column in COLUMNS})


def _shape(found: Difference, *, dry_run: bool) -> dict[str, Any]:
    return {
        "scope": str(found.scope),
        "dry_run": dry_run,
        "digest": found.digest,
        "counts": found.counts,
        "changes": [
            {
                "key": one.key,
                "change": one.what,
                "kind": one.kind,
                "line": one.line,
                "before": one.before,
                "after": one.after,
            }
            for one in found.changes
        ],
    }
