"""One app in one environment, as cards and tables tell it: what is live, what is tried, what a rollback leads to."""

from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.urls import reverse

from environments.models import UNFINISHED, Environment, Hold, Run, Slot
from projects import access
from projects.access import Actor, Permission


def told(slots: QuerySet[Slot]) -> QuerySet[Slot]:
    """With the run of the newest deployment and the hold that stands, in the same statement."""
    # By its number, as the board does: looking for the newest would read all there ever was.
    latest = Run.objects.filter(
        deployment__app=OuterRef("app"),
        deployment__environment=OuterRef("environment"),
        deployment__number=OuterRef("last_number"),
    )
    hold = Hold.objects.filter(slot=OuterRef("pk"), lifted_at__isnull=True)
    return slots.select_related("app__project", "live__release", "previous__release").annotate(
        run_id=Subquery(latest.values("id")[:1]),
        run_phase=Subquery(latest.values("phase")[:1]),
        run_reason=Subquery(latest.values("reason")[:1]),
        run_number=Subquery(latest.values("deployment__number")[:1]),
        run_kind=Subquery(latest.values("deployment__kind")[:1]),
        run_ended_at=Subquery(latest.values("finished_at")[:1]),
        run_version=Subquery(latest.values("deployment__release__version")[:1]),
        hold_id=Subquery(hold.values("id")[:1]),
        hold_reason=Subquery(hold.values("reason")[:1]),
    )


def status(slot: Any) -> str:
    """The one word for it: what moves or went wrong first, then what somebody decided, then that it is live."""
    if slot.run_phase in UNFINISHED:
        return "removing" if slot.run_kind == "removal" else "deploying"
    if _failed(slot):
        return str(slot.run_phase)
    if slot.live is None:
        return "none"
    if slot.condition != Slot.Condition.OK:
        return str(slot.condition)
    if slot.hold_id:
        return "held"
    return "rolled-back" if slot.live.kind == "rollback" else "live"


def note(slot: Any) -> str:
    """Why it is so, where that is not plain."""
    word = status(slot)
    if word in ("degraded", "drifted"):
        return str(slot.condition_reason)
    if word == "held":
        return str(slot.hold_reason or "")
    return str(slot.run_reason) if _failed(slot) else ""


def tried(slot: Any) -> str:
    """The version that is on its way or did not get there."""
    return str(slot.run_version or "") if slot.run_phase in UNFINISHED or _failed(slot) else ""


def row(slot: Any, environment: Environment, actor: Actor) -> dict[str, Any]:
    """What an environment's card shows and offers; links lead to sheets that say what stands in the way."""
    may = access.allows(
        actor,
        Permission.DEPLOY,
        project_id=slot.app.project_id,
        environment_id=environment.id,
        protected=environment.protected,
    )
    back = slot.previous.release if slot.live and slot.previous and slot.previous.release else None
    draft = f"{reverse('plan-draft')}?app={slot.app_id}&environment_id={environment.id}&kind="
    return {
        "app": slot.app,
        "status": status(slot),
        "live": slot.live,
        "release": slot.live.release if slot.live else None,
        "tried": tried(slot),
        "note": note(slot),
        "run_url": reverse("run", args=[slot.run_id]) if slot.run_id else "",
        "hold_reason": slot.hold_reason,
        "hold_id": slot.hold_id,
        "hold_url": f"{reverse('environment-holds', args=[environment.id])}?app={slot.app_id}",
        "may": may,
        "working": slot.run_phase in UNFINISHED,
        "back": back,
        "back_url": f"{draft}rollback" if back and slot.app.archived_at is None else "",
        "removal_url": f"{draft}removal",
        "ended_at": slot.run_ended_at,
        "announce": _announced(slot, environment),
    }


def _failed(slot: Any) -> bool:
    ended_badly = slot.run_phase in ("failed", "errored")
    return ended_badly and (slot.live is None or slot.run_number > slot.live.number)


def _announced(slot: Any, environment: Environment) -> str:
    """The end of the newest deployment, said once to whoever cannot see it; nothing while it moves."""
    name, where, word = slot.app.name, environment.title, status(slot)
    if word in ("failed", "errored"):
        return f"{name} {slot.run_version or ''} {word} in {where}"
    if slot.live is None or slot.live.release is None or slot.run_phase in UNFINISHED:
        return ""
    return f"{name} {slot.live.release.version} is live in {where}" + (f", {word}" if word == "degraded" else "")
