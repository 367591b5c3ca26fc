"""What happened, newest first, as a card tells it: a shape, a sentence, and how often in a row."""

from typing import Any

from django.db.models import QuerySet

from environments import drawing
from projects import narration
from projects.models import Event

LINES = 12
# A crash loop repeats itself; this many events are looked through for lines that differ.
LOOKED_THROUGH = 100
# The look of what happened, by the last word of its kind; what stands in `_BY_KIND` has one of its own.
_BY_VERB = {
    **dict.fromkeys(["created", "updated", "added", "cut", "stored", "succeeded", "lifted", "recovered"], "succeeded"),
    **dict.fromkeys(["asked", "retried", "started", "fetching", "queued"], "queued"),
    **dict.fromkeys(["registered", "returned"], "online"),
    **dict.fromkeys(["terminated", "deleted", "removed", "revoked", "archived"], "cancelled"),
    **{verb: verb for verb in ("failed", "errored", "cancelled", "degraded", "drifted", "stopped", "disconnected")},
    "placed": "held",
    "lost": "offline",
}
_BY_KIND = {
    "app.restored": "succeeded",
    "project.restored": "succeeded",
    **dict.fromkeys(["team.assigned", "agent.assigned", "agent.joined_team"], "succeeded"),
    **dict.fromkeys(["team.taken_off", "agent.taken_off", "agent.left_team"], "cancelled"),
    "workflow.restored": "succeeded",
    **dict.fromkeys(("workflow.run_asked", "agent.run_asked"), "queued"),
    **{
        f"{noun}.run_{end}": end
        for noun in ("workflow", "agent")
        for end in ("succeeded", "failed", "errored", "cancelled")
    },
    "environment.became_ready": "running",
    "environment.failed": "error",
    "environment.terminating_started": "terminating",
    "service.restarted": "backoff",
}


def lines(found: QuerySet[Event]) -> list[dict[str, Any]]:
    """`{event, sentence, link, look, times}`: equal neighbours are one line, with the newest of them."""
    told: list[dict[str, Any]] = []
    for event in found.order_by("-number")[:LOOKED_THROUGH]:
        sentence, link = narration.sentence(event), drawing.away(narration.link(event))
        if told and (told[-1]["sentence"], told[-1]["link"], told[-1]["event"].actor) == (sentence, link, event.actor):
            told[-1]["times"] += 1
        elif len(told) < LINES:
            told.append({"event": event, "sentence": sentence, "link": link, "look": _look(event), "times": 1})
        else:
            break
    return told


def _look(event: Event) -> str:
    if event.kind == "deployment.succeeded" and event.data.get("deployment_kind") == "rollback":
        return "rolled-back"
    return _BY_KIND.get(event.kind) or _BY_VERB.get(event.kind.rpartition(".")[2].rpartition("_")[2], "info")
