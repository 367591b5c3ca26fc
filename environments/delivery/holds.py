"""Holds: placed by a person or a rollback, lifted by whoever may deploy there."""

import uuid

from django.db.models import QuerySet

from environments.models import Environment, Hold, Slot
from environments.planning import holding, plans
from projects import access, events
from projects.access import Actor, Permission
from projects.errors import Conflict, NotFound
from projects.models import App


class AlreadyHeld(Conflict):
    code = "already-held"


class AlreadyLifted(Conflict):
    code = "already-lifted"


@events.operation
def place(slot: Slot, *, by: Actor, reason: str = "") -> Hold:
    """From now on tokens and automation are refused there. Refused where a hold stands already."""
    _require(slot, by=by)
    slot = _locked(slot)
    standing = holding.active(slot)
    if standing is not None:
        raise AlreadyHeld(f"{slot.app.name} is held in {slot.environment.title} already, by {standing.created_by}.")
    return holding.put(slot, by=by, reason=reason.strip())


def place_in(app: App, environment: Environment, *, by: Actor, reason: str = "") -> Hold:
    return place(plans.slot_of(app, environment), by=by, reason=reason)


@events.operation
def lift(hold: Hold, *, by: Actor, reason: str = "") -> Hold:
    _require(hold.slot, by=by)
    _locked(hold.slot)
    if not holding.take_off(hold, by=by, reason=reason.strip()):
        hold.refresh_from_db()
        raise AlreadyLifted(f"This hold was lifted already, by {hold.lifted_by}.")
    return hold


def visible(actor: Actor) -> QuerySet[Hold]:
    """The holds that stand, oldest first."""
    found = Hold.objects.filter(organization=actor.organization, lifted_at=None)
    if actor.visible_projects is not None:
        found = found.filter(slot__app__project_id__in=actor.visible_projects)
    if actor.visible_environments is not None:
        found = found.filter(slot__environment_id__in=actor.visible_environments)
    return found.select_related("slot__app", "slot__environment").order_by("created_at", "id")


def find(actor: Actor, ident: str | uuid.UUID) -> Hold:
    try:
        return visible(actor).get(pk=uuid.UUID(str(ident)))
    except (ValueError, Hold.DoesNotExist):
        raise NotFound("There is no such hold, or it was lifted already.") from None


def _require(slot: Slot, *, by: Actor) -> None:
    access.require(
        by,
        Permission.DEPLOY,
        project_id=slot.app.project_id,
        environment_id=slot.environment_id,
        protected=slot.environment.protected,
    )


def _locked(slot: Slot) -> Slot:
    return (
        Slot.objects.select_for_update(no_key=True, of=("self",)).select_related("app", "environment").get(pk=slot.pk)
    )
