"""Reading the event log: what an actor may see of it, in order."""

import re
import uuid
from typing import Any

from django.db.models import QuerySet

from projects import scopes
from projects.access import Actor
from projects.errors import Gone, Invalid, NotFound
from projects.models import Event, EventCounter, Organization
from projects.narration import link, sentence

MARK = re.compile(r"[0-9]{1,9}-[0-9]{1,18}")


class Reset(Gone):
    """Nothing is known of that place; whoever follows the log begins anew."""

    code = "reset"


def events(
    by: Actor,
    *,
    after: str = "",
    environment_id: uuid.UUID | None = None,
    project_id: uuid.UUID | None = None,
    kind: str = "",
    actor: str = "",
) -> QuerySet[Event]:
    """Ascending by number, beginning behind the event `after` (`<epoch>-<number>`)."""
    rows = visible(by).filter(number__gt=number_of(by.organization, after)).order_by("number")
    if environment_id is not None:
        rows = rows.filter(environment_id=environment_id)
    if project_id is not None:
        rows = rows.filter(project_id=project_id)
    if kind:
        # A whole kind, or a noun for all that happened to such things.
        rows = rows.filter(kind=kind) if "." in kind else rows.filter(kind__startswith=f"{kind}.")
    if actor:
        rows = rows.filter(actor=actor)
    return rows


def visible(by: Actor) -> QuerySet[Event]:
    """What concerns a project or an environment is for those who see it; what concerns neither is for all members."""
    rows = Event.objects.filter(organization_id=by.organization.pk)
    both = ("project_id", "environment_id")
    return rows.filter(scopes.rows(by, project="project_id", environment="environment_id", lacking=both))


def find(by: Actor, mark: str) -> Event:
    """The event with this id, `<epoch>-<number>`."""
    epoch, _, number = mark.partition("-")
    known = MARK.fullmatch(mark) and int(epoch) == by.organization.event_epoch
    event = visible(by).filter(number=int(number)).first() if known else None
    if event is None:
        raise NotFound("There is no such event, or you may not see it.")
    return event


def number_of(organization: Organization, mark: str) -> int:
    """The number in `<epoch>-<number>`; Reset where the log has no such place (any more), 0 for an empty mark."""
    if not mark:
        return 0
    if not MARK.fullmatch(mark):
        raise Invalid.field("after", "must be an event's id, <epoch>-<number>")
    epoch, _, number = mark.partition("-")
    if int(epoch) != organization.event_epoch:
        raise Reset("The log was restored since; begin again without `after`.")
    if int(number) and not EventCounter.objects.filter(pk=organization.pk, last__gte=int(number)).exists():
        raise Reset("The log does not reach that far; begin again without `after`.")
    kept = Event.objects.filter(organization_id=organization.pk).order_by("number").values_list("number", flat=True)
    if int(number) + 1 < (kept.first() or 0):
        raise Reset("What follows this event is older than the log is kept; begin again without `after`.")
    return int(number)


def mark(organization: Organization, event: Event) -> str:
    """The event's id, which is also the place to go on from."""
    return f"{organization.event_epoch}-{event.number}"


def told(organization: Organization, event: Event) -> dict[str, Any]:
    """The event as it is shown outside."""
    return {
        "id": mark(organization, event),
        "kind": event.kind,
        "actor": event.actor,
        "object": event.object,
        "project_id": event.project_id,
        "environment_id": event.environment_id,
        "at": event.at,
        "sentence": sentence(event),
        "reason": str(event.data.get("reason") or ""),
        "link": link(event),
        "undoes": f"{organization.event_epoch}-{event.data['undoes']}" if event.data.get("undoes") else None,
    }
