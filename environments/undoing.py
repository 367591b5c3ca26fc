"""Undoing what can be undone: the inverse of one event, by the same rooms and with the same rights.

Nothing newer is overwritten: where the thing has moved on since, the undoing is refused. What is gone for good, such as
something deleted or a token revoked, has no inverse here, and the page that asks before it says so.
"""

from collections.abc import Callable, Iterable
from typing import Any

from environments import lifecycle
from environments.delivery import chains, holds
from environments.models import Environment, Hold, State
from projects import events, grants, history, memberships, narration
from projects import lifecycle as projects
from projects.access import Actor
from projects.errors import Conflict, Invalid, NotFound
from projects.models import Event


class CannotUndo(Conflict):
    code = "cannot-undo"


class MovedOn(Conflict):
    code = "moved-on"


@events.operation
def undo(ident: int, *, by: Actor) -> Event:
    """Take back what the event tells of, and answer it; CannotUndo where nothing can, MovedOn where it is too late."""
    event = history.visible(by).filter(pk=ident).first()
    if event is None:
        raise NotFound("There is no such event, or you may not see it.")
    if not undoable(event):
        raise CannotUndo(f"This cannot be undone: {narration.sentence(event)}")
    INVERSES[event.kind](event, by.undoing(event.number))
    return event


def undoable(event: Event) -> bool:
    """Whether there is an inverse; whether it is too late is seen when it is asked for."""
    if event.kind == "environment.provisioning_started":
        return bool(event.data.get("from_state") == State.STOPPED)
    needed = {"chain.updated": "before", "environment.updated": "values", "member.granted": "grant_id"}.get(event.kind)
    return event.kind in INVERSES and (needed is None or bool(event.data.get(needed)))


def offered(made: Iterable[Event]) -> Event | None:
    """Of what was written by one change, the event that may be undone."""
    return next((event for event in made if undoable(event)), None)


def _lift(event: Event, by: Actor) -> None:
    hold = Hold.objects.filter(pk=event.object["id"], organization=by.organization, lifted_at=None).first()
    if hold is None:
        raise MovedOn("This hold was lifted already.")
    holds.lift(hold, by=by, reason=by.why.reason)


def _hold(event: Event, by: Actor) -> None:
    """The hold is a new one, with what the lifted one was placed for."""
    lifted = Hold.objects.select_related("slot__app", "slot__environment").get(pk=event.object["id"])
    if lifted.slot.environment.deleted_at is not None or lifted.slot.app.archived_at is not None:
        raise MovedOn(f"{lifted.slot.app.name} is not deployed to {lifted.slot.environment.title} any more.")
    if Hold.objects.filter(slot=lifted.slot, created_at__gt=event.at).exists():
        raise MovedOn(f"{lifted.slot.app.name} was held in {lifted.slot.environment.title} again meanwhile.")
    holds.place(lifted.slot.app, lifted.slot.environment, by=by, reason=by.why.reason or lifted.reason)


def _start(event: Event, by: Actor) -> None:
    lifecycle.start(_unmoved(event, Environment.Wanted.INACTIVE, by), by=by)


def _stop(event: Event, by: Actor) -> None:
    lifecycle.stop(_unmoved(event, Environment.Wanted.ACTIVE, by), by=by)


def _unmoved(event: Event, wanted: str, by: Actor) -> Environment:
    """The environment, if nobody has started or stopped it since."""
    found = _environment(event, by)
    kinds = ("environment.stopping_started", "environment.provisioning_started")
    newer = history.visible(by).filter(environment_id=found.pk, kind__in=kinds, number__gt=event.number)
    if found.wanted != wanted or newer.exists():
        raise MovedOn(f"{found.title} was started or stopped again meanwhile.")
    return found


def _environment(event: Event, by: Actor) -> Environment:
    """As it is, behind its lock, so that nobody changes it between looking and undoing."""
    try:
        found = lifecycle.find(by, str(event.environment_id))
    except NotFound:
        raise MovedOn("This environment was deleted meanwhile.") from None
    return Environment.objects.select_for_update(no_key=True).get(pk=found.pk)


def _restore(event: Event, by: Actor) -> None:
    found = _environment(event, by)
    values: dict[str, list[Any]] = event.data["values"]
    if any(getattr(found, name) != after for name, (_, after) in values.items()):
        raise MovedOn(f"The settings of {found.title} were changed again meanwhile.")
    lifecycle.update(found, by=by, **{name: before for name, (before, _) in values.items()})


def _rearrange(event: Event, by: Actor) -> None:
    try:
        chain = chains.find(by, event.object["id"])
        before = event.data["before"]
        chains.update(chain, by=by, name=before["name"], stages=before["stages"], seen=event.data["version"])
    except (NotFound, Invalid, chains.ChangedMeanwhile):
        raise MovedOn("This chain, or an environment in it, was changed or removed meanwhile.") from None


def _take_away(event: Event, by: Actor) -> None:
    try:
        grants.take_away(event.data["grant_id"], memberships.find(by, event.object["id"]), by=by)
    except NotFound:
        raise MovedOn(f"{event.object['name']} does not have this role any more.") from None


def _give(event: Event, by: Actor) -> None:
    try:
        member = memberships.find(by, event.object["id"])
        project = projects.find(by, event.project_id) if event.project_id else None
        environment_id = lifecycle.find(by, str(event.environment_id)).pk if event.environment_id else None
    except NotFound:
        raise MovedOn(f"{event.object['name']}, or what the role was for, is not here any more.") from None
    grants.give(member, by=by, role=event.data["role"], project=project, environment_id=environment_id)


INVERSES: dict[str, Callable[[Event, Actor], None]] = {
    "chain.updated": _rearrange,
    "environment.provisioning_started": _stop,
    "environment.stopping_started": _start,
    "environment.updated": _restore,
    "hold.lifted": _hold,
    "hold.placed": _lift,
    "member.grant_removed": _give,
    "member.granted": _take_away,
}
