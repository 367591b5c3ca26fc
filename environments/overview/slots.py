"""One app in one environment, as cards and tables tell it: what is live, what is tried, what a rollback leads to."""

from datetime import timedelta
from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from environments import statuses
from environments.models import UNFINISHED, Deployment, DeploymentKind, Environment, Hold, Phase, Run, Slot, State
from projects import access
from projects.access import Actor, Permission

UNSEEN = timedelta(seconds=60)


def kept(slots: QuerySet[Slot]) -> QuerySet[Slot]:
    """With the hold that stands and whether nobody has looked for a while, in the same statement."""
    hold = Hold.objects.filter(slot=OuterRef("pk"), lifted_at__isnull=True)
    return slots.select_related("environment", "live__release").annotate(
        unseen=Q(observed_at__lt=Now() - UNSEEN),
        hold_id=Subquery(hold.values("id")[:1]),
        hold_reason=Subquery(hold.values("reason")[:1]),
    )


def told(slots: QuerySet[Slot]) -> QuerySet[Slot]:
    """Also with the run of the newest deployment."""
    # By its number, as the board does: looking for the newest would read all there ever was.
    latest = Run.objects.filter(
        deployment__app=OuterRef("app"),
        deployment__environment=OuterRef("environment"),
        deployment__number=OuterRef("last_number"),
    )
    # As a rollback is planned: to what was live before the present release first was.
    ran = Deployment.objects.filter(
        app=OuterRef("app"), environment=OuterRef("environment"), run__phase=Phase.SUCCEEDED, release__isnull=False
    ).exclude(kind=DeploymentKind.REMOVAL)
    first = ran.filter(release=OuterRef("live__release")).order_by("number")
    before = ran.filter(number__lt=OuterRef("live_first")).order_by("-number")
    return (
        kept(slots)
        .select_related("app__project", "environment", "live__release")
        .annotate(live_first=Subquery(first.values("number")[:1]))
        .annotate(
            back=Subquery(before.values("release__version")[:1]),
            run_id=Subquery(latest.values("id")[:1]),
            run_phase=Subquery(latest.values("phase")[:1]),
            run_reason=Subquery(latest.values("reason")[:1]),
            run_kind=Subquery(latest.values("deployment__kind")[:1]),
            run_ended_at=Subquery(latest.values("finished_at")[:1]),
            run_version=Subquery(latest.values("deployment__release__version")[:1]),
        )
    )


def standing(slot: Any) -> str:
    """The status of what is live there, whatever was tried since."""
    return statuses.of_app(**_facts(slot))


def status(slot: Any) -> str:
    """The one word for it, with what was tried last."""
    return statuses.of_app(**_facts(slot), phase=slot.run_phase, removing=slot.run_kind == "removal")


def _facts(slot: Any) -> dict[str, Any]:
    return {
        "live": slot.live is not None,
        "state": slot.environment.state,
        "condition": slot.condition,
        "unseen": bool(slot.unseen),
        "held": slot.hold_id is not None,
        "rolled_back": slot.live is not None and slot.live.kind == "rollback",
    }


def service_state(environment: Environment, observed: str) -> str:
    """A service's state: as it was observed, or its environment's, which no longer or not yet keeps it running."""
    return observed if environment.state in statuses.SERVING else environment.state


def obstacle(environment: Environment) -> str:
    """Why nothing there answers or can be restarted now; empty while it runs."""
    if environment.state == State.RUNNING:
        return ""
    return f"{environment.title} is {State(environment.state).label.lower()}; its services do not run now."


def note(slot: Any) -> str:
    """Why it is so, where that is not plain."""
    word = status(slot)
    if word in ("degraded", "drifted"):
        return str(slot.condition_reason)
    if word in ("held", "rolled-back"):
        return str(slot.hold_reason or "")
    if word == "last-seen":
        return f"{statuses.age((timezone.now() - slot.observed_at).total_seconds())} ago"
    return str(slot.run_reason) if word in ("failed", "errored") else ""


def tried(slot: Any) -> str:
    """The version that is on its way or did not get there."""
    return str(slot.run_version or "") if slot.run_phase in (*UNFINISHED, Phase.FAILED, Phase.ERRORED) else ""


def row(slot: Any, environment: Environment, actor: Actor) -> dict[str, Any]:
    """What an environment's card shows and offers; links lead to sheets that say what stands in the way."""
    may = access.allows(
        actor,
        Permission.DEPLOY,
        project_id=slot.app.project_id,
        environment_id=environment.id,
        protected=environment.protected,
    )
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
        "overtaken": slot.overtaken,
        "again_url": f"{draft}redeploy" if slot.overtaken and slot.app.archived_at is None else "",
        "working": slot.run_phase in UNFINISHED,
        "back": slot.back,
        "back_url": f"{draft}rollback" if slot.back and not slot.app.is_put_away else "",
        "removal_url": f"{draft}removal",
        "ended_at": slot.run_ended_at,
        "announce": _announced(slot, environment),
    }


def _announced(slot: Any, environment: Environment) -> str:
    """The end of the newest deployment, said once to whoever cannot see it; nothing while it moves."""
    name, where, word = slot.app.name, environment.title, status(slot)
    if word in ("failed", "errored"):
        return f"{name} {slot.run_version or ''} {word} in {where}"
    serves = slot.environment.state in statuses.SERVING
    if slot.live is None or slot.live.release is None or slot.run_phase in UNFINISHED or not serves:
        return ""
    return f"{name} {slot.live.release.version} is live in {where}" + (f", {word}" if word == "degraded" else "")
