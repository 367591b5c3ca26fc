"""Holds: tokens and automation keep their hands off one app in one environment until someone lifts it."""

from typing import Any

from django.db.models.functions import Now

from environments.models import Hold, Slot
from projects import events
from projects.access import Actor


def active(slot: Slot) -> Hold | None:
    return Hold.objects.filter(slot=slot, lifted_at=None).first()


def put(slot: Slot, *, by: Actor, reason: str) -> Hold:
    """Place a hold on a slot whose row the caller has locked; the one already there stays as it is."""
    standing = active(slot)
    if standing is not None:
        return standing
    hold = Hold.objects.create(organization_id=slot.organization_id, slot=slot, reason=reason, created_by=by.label)
    _record("hold.placed", hold, by=by, reason=reason)
    return hold


def take_off(hold: Hold, *, by: Actor, reason: str = "") -> bool:
    """Lift it; false when somebody else did so first."""
    lifted = Hold.objects.filter(pk=hold.pk, lifted_at=None).update(lifted_at=Now(), lifted_by=by.label)
    if lifted:
        hold.refresh_from_db()
        _record("hold.lifted", hold, by=by, reason=reason)
    return bool(lifted)


def _record(kind: str, hold: Hold, *, by: Actor, **data: Any) -> None:
    slot = hold.slot
    events.record(
        kind,
        by=by,
        object={"kind": "hold", "id": hold.id, "name": slot.app.name},
        project_id=slot.app.project_id,
        environment_id=slot.environment_id,
        app_id=slot.app_id,
        app=slot.app.name,
        environment=slot.environment.title,
        **data,
    )
