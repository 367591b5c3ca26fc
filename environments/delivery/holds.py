"""Holds: placed by a person or a rollback, lifted by whoever may deploy there."""

import uuid

from django.db.models import QuerySet

from environments.models import Environment, Hold, Slot
from environments.planning import holding, plans
from projects import access, events, reasons, scopes
from projects.access import Actor, Permission
from projects.errors import Conflict, NotFound
from projects.models import App


class AlreadyHeld(Conflict):
    code = "already-held"


class AlreadyLifted(Conflict):
    code = "already-lifted"


@events.operation
def place(app: App, environment: Environment, *, by: Actor, reason: str = "") -> Hold:
    """From now on tokens and automation are refused there. Refused where a hold stands already."""
    reasons.check(reason)
    slot = _locked(plans.slot_of(app, environment), by=by)
    standing = holding.active(slot)
    if standing is not None:
        raise AlreadyHeld(f"{app.name} is held in {environment.title} already, by {access.who(standing.created_by)}.")
    return holding.put(slot, by=by, reason=reason.strip())


@events.operation
def lift(hold: Hold, *, by: Actor, reason: str = "") -> Hold:
    reasons.check(reason)
    _locked(hold.slot, by=by)
    if not holding.take_off(hold, by=by, reason=reason.strip()):
        hold.refresh_from_db()
        raise AlreadyLifted(f"This hold was lifted already, by {access.who(hold.lifted_by)}.")
    return hold


def visible(actor: Actor) -> QuerySet[Hold]:
    """The holds that stand, oldest first; none in environments that were deleted."""
    found = Hold.objects.filter(organization=actor.organization, lifted_at=None, slot__environment__deleted_at=None)
    found = found.filter(scopes.rows(actor, project="slot__app__project", environment="slot__environment"))
    return found.select_related("slot__app", "slot__environment").order_by("created_at", "id")


def find(actor: Actor, ident: str | uuid.UUID) -> Hold:
    try:
        return visible(actor).get(pk=uuid.UUID(str(ident)))
    except (ValueError, Hold.DoesNotExist):
        raise NotFound("There is no such hold, or it was lifted already.") from None


def _locked(slot: Slot, *, by: Actor) -> Slot:
    """The slot behind the locks of itself and its environment: somebody may be protecting that just now."""
    slot = Slot.objects.select_for_update(no_key=True, of=("self",)).select_related("app").get(pk=slot.pk)
    slot.environment = Environment.objects.select_for_update(no_key=True).get(pk=slot.environment_id)
    access.require(
        by,
        Permission.DEPLOY,
        project_id=slot.app.project_id,
        environment_id=slot.environment_id,
        protected=slot.environment.protected,
    )
    return slot
