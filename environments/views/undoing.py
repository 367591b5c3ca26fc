"""Undoing from a page, and the messages that offer it."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.views.decorators.http import require_POST

from environments import undoing
from environments.undoing import offers
from environments.views.choice import go
from projects import narration
from projects.models import Event
from projects.views.signed_in import Visit, signed_in


def done(request: Visit, sentence: str, made: Iterable[Event]) -> None:
    """Say what was done, with an offer to undo it where what was written (`events.noted`) can be undone."""
    event = undoing.offered(made)
    messages.success(request, sentence, extra_tags=str(event.pk) if event else "")


def undoable(request: Visit, shown: Mapping[str, Any]) -> frozenset[int]:
    """Of the `activity` that a page shows, what an Undo is offered for."""
    return offers.still([line["event"] for line in shown["activity"]], by=request.actor)


@require_POST
@signed_in
def undo(request: Visit, event_id: int) -> HttpResponse:
    event = undoing.undo(event_id, by=request.actor)
    messages.success(request, f"Undone: {narration.sentence(event)}")
    if event.kind.startswith("member."):
        return go(request, "member", event.object["id"])
    if event.kind.startswith("project."):
        return go(request, "project", event.project_id)
    if event.kind.startswith("app."):
        return go(request, "app", event.object["id"])
    if event.kind.startswith("chain."):
        return go(request, "chain-of-project", event.object["id"])
    if event.kind.startswith(("variable.", "secret.")):
        return go(request, "configuration-entry", event.object["id"])
    if event.kind.startswith("integration."):
        return go(request, "integration", event.object["id"])
    return go(request, "environment", event.environment_id)
