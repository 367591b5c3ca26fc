"""Undoing what can be undone: the inverse of one event, by the same rooms and with the same rights.

Nothing newer is overwritten: where the thing has moved on since, the undoing is refused. What is gone for good, such as
something deleted or a token revoked, has no inverse here, and the page that asks before it says so.
"""

import uuid
from collections.abc import Callable, Iterable
from typing import Any

from django.db.models import Model

from environments import lifecycle
from environments.configuration import enabling, entries, integrations, placing, secrets, variables
from environments.delivery import archivals, chains, holds
from environments.models import Entry, EntryKind, Environment, Hold, Integration, State
from environments.resolving.scopes import Scope
from projects import access, apps, events, grants, history, memberships, narration
from projects import lifecycle as projects
from projects.access import Actor, Permission
from projects.errors import Conflict, Invalid, NotFound
from projects.models import App, Event, Project
from projects.versions import ChangedMeanwhile


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
    if event.data.get("integration"):
        return False  # what it was enabled or disabled by is undone instead
    needed = NEEDED.get(event.kind)
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
    lifted = Hold.objects.select_related("slot__app__project", "slot__environment").get(pk=event.object["id"])
    if lifted.slot.environment.deleted_at is not None or lifted.slot.app.is_put_away:
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
    lifecycle.update(found, by=by, **_before(event, found, called=found.title))


def _restore_app_settings(event: Event, by: Actor) -> None:
    found = apps.locked(_app(event, by))
    apps.update(found, by=by, **_before(event, found, called=found.name))


def _project(event: Event, by: Actor) -> Project:
    """The project, behind its lock, for those who may undo what was done to it."""
    try:
        project = projects.find(by, event.object["id"])
    except NotFound:
        raise MovedOn("This project was deleted meanwhile.") from None
    access.require(by, Permission.MANAGE_PROJECTS, project_id=project.pk)
    return projects.locked(project)


def _unmoved_project(event: Event, by: Actor) -> Project:
    """The project, if nobody has archived or restored it since."""
    found = _project(event, by)
    kinds = ("project.archived", "project.restored")
    if history.visible(by).filter(project_id=found.pk, kind__in=kinds, number__gt=event.number).exists():
        raise MovedOn(f"{found.name} was archived or restored again meanwhile.")
    return found


def _restore_project(event: Event, by: Actor) -> None:
    projects.restore(_unmoved_project(event, by), by=by)


def _archive_project(event: Event, by: Actor) -> None:
    projects.archive(_unmoved_project(event, by), by=by)


def _restore_project_settings(event: Event, by: Actor) -> None:
    found = _project(event, by)
    before = _before(event, found, called=found.name)
    if only := before.get("restrict_to_environment_id"):
        try:
            before["restrict_to_environment_id"] = lifecycle.find(by, only).pk
        except NotFound:
            raise MovedOn(f"The environment that {found.name} deployed to is not here any more.") from None
    projects.update(found, by=by, **before)


def _before(event: Event, found: Model, *, called: str) -> dict[str, Any]:
    """What the changed fields held before, if each still holds what the change made of it."""
    values: dict[str, list[Any]] = event.data["values"]
    for name, (_, after) in values.items():
        now = getattr(found, f"{name}_id", None) if name == "based_on" else getattr(found, name)
        if (str(now) if isinstance(now, uuid.UUID) else now) != after:
            raise MovedOn(f"The settings of {called} were changed again meanwhile.")
    return {name: before for name, (before, _) in values.items()}


def _restore_app(event: Event, by: Actor) -> None:
    apps.restore(_unmoved_app(event, by), by=by)


def _archive_app(event: Event, by: Actor) -> None:
    archivals.archive(_unmoved_app(event, by), by=by)


def _app(event: Event, by: Actor) -> App:
    """The app, for those who may undo what was done to it: only they are told what became of it."""
    try:
        found = apps.find(by, event.object["id"])
    except NotFound:
        raise MovedOn("This app was deleted with its project meanwhile.") from None
    access.require(by, Permission.MANAGE_PROJECTS, project_id=found.project_id)
    return found


def _unmoved_app(event: Event, by: Actor) -> App:
    """The app, behind its lock, if nobody has archived or restored it since."""
    found = archivals.locked(_app(event, by))
    kinds = ("app.archived", "app.restored")
    if history.visible(by).filter(app_id=found.pk, kind__in=kinds, number__gt=event.number).exists():
        raise MovedOn(f"{found.name} was archived or restored again meanwhile.")
    return found


def _rearrange(event: Event, by: Actor) -> None:
    try:
        chain = chains.find(by, event.object["id"])
        before = event.data["before"]
        chains.update(chain, by=by, name=before["name"], stages=before["stages"], seen=event.data["version"])
    except (NotFound, Invalid, ChangedMeanwhile):
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


def _unset(event: Event, by: Actor) -> None:
    entries.delete(_unmoved_entry(event, by), by=by, note=by.why.reason)


def _reset(event: Event, by: Actor) -> None:
    """Whatever the version before said: a value, or that there was none."""
    entry = _unmoved_entry(event, by)
    before = entry.versions.filter(number__lt=event.data["number"]).order_by("-number").first()
    if before is None or before.deleted:
        entries.delete(entry, by=by, note=by.why.reason)
    else:
        room = variables if entry.kind == EntryKind.VARIABLE else secrets
        room.restore(entry, before.number, by=by, note=by.why.reason)


def _unmoved_entry(event: Event, by: Actor) -> Entry:
    """The key, behind its lock, if its newest version is still the one that the event tells of."""
    found = entries.find(by, event.object["id"])
    entries.check_restorable(found, by=by)
    found = entries.locked(found)
    if found.current is None or found.current.number != event.data["number"]:
        raise MovedOn(f"{found.key} was changed again meanwhile.")
    return found


def _disable(event: Event, by: Actor) -> None:
    if not enabling.disable(*_integration(event, by), by=by):
        raise MovedOn(f"{event.object['name']} is not enabled there any more.")


def _enable(event: Event, by: Actor) -> None:
    if not enabling.enable(*_integration(event, by), by=by):
        raise MovedOn(f"{event.object['name']} was enabled there again meanwhile.")


def _integration(event: Event, by: Actor) -> tuple[Integration, Scope]:
    """The integration and where it was enabled or disabled."""
    crew = {name: uuid.UUID(event.data[name]) for name in ("team_id", "agent_id") if name in event.data}
    try:
        return integrations.find(by, event.object["id"]), placing.scope(by, environment_id=event.environment_id, **crew)
    except NotFound:
        raise MovedOn(f"{event.object['name']}, or what it was for, is not here any more.") from None


INVERSES: dict[str, Callable[[Event, Actor], None]] = {
    "app.archived": _restore_app,
    "app.restored": _archive_app,
    "app.updated": _restore_app_settings,
    "chain.updated": _rearrange,
    "environment.provisioning_started": _stop,
    "environment.stopping_started": _start,
    "environment.updated": _restore,
    "hold.lifted": _hold,
    "hold.placed": _lift,
    "integration.disabled": _enable,
    "integration.enabled": _disable,
    "member.grant_removed": _give,
    "member.granted": _take_away,
    "project.archived": _restore_project,
    "project.restored": _archive_project,
    "project.updated": _restore_project_settings,
    "secret.created": _unset,
    "secret.deleted": _reset,
    "secret.restored": _reset,
    "secret.updated": _reset,
    "variable.created": _unset,
    "variable.deleted": _reset,
    "variable.restored": _reset,
    "variable.updated": _reset,
}
# What an event must have kept for its inverse; older ones, and those that tell of secrets, have not.
NEEDED = {
    "app.updated": "values",
    "chain.updated": "before",
    "environment.updated": "values",
    "member.granted": "grant_id",
    "project.updated": "values",
}
