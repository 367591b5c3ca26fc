"""An environment's page, part by part; each part is one card that is read, drawn and refreshed alone."""

from itertools import accumulate
from typing import Any

from django.db.models import Count, Q
from django.db.models.functions import Now

from environments import disk, seen, statuses
from environments.models import (
    LIFECYCLE_KINDS,
    UNFINISHED,
    Deployment,
    Environment,
    Run,
    ServiceLogChunk,
    Slot,
    StageEnvironment,
    State,
    Worker,
)
from environments.overview import activity as happened
from environments.overview import measured, slots
from projects import access, history, narration
from projects.access import Actor, Permission
from projects.models import App

MOST_ROWS = 50
MOST_LINES = 200


def page(environment: Environment, actor: Actor, *, log: tuple[str, str] = ("", "")) -> dict[str, Any]:
    """Everything the whole page shows: the head and every part."""
    context: dict[str, Any] = {}
    for name in PARTS:
        context |= part(name, environment, actor, log=log)
    return context


def part(name: str, environment: Environment, actor: Actor, *, log: tuple[str, str] = ("", "")) -> dict[str, Any]:
    """What one part shows; `log` is the id of the app and the service whose output is asked for."""
    return logs(environment, actor, *log) if name == "logs" else PARTS[name](environment, actor)


def head(environment: Environment, actor: Actor) -> dict[str, Any]:
    places = StageEnvironment.objects.filter(environment=environment, chain__project=None)
    place = places.select_related("stage", "chain").first()
    may_operate = _may(actor, Permission.OPERATE, environment)
    return {
        "environment": environment,
        "place": place,
        "based_on": seen.environments(actor).filter(pk=base).first() if (base := environment.based_on_id) else None,
        "level": place.stage.position + 1 if place else 0,
        "actions": _actions(environment, may_operate=may_operate),
        "may_operate": may_operate,
        "announce": _announced(environment),
        "full": disk.scarce(environment) if environment.state == State.RUNNING else "",
    }


def _may(actor: Actor, permission: Permission, environment: Environment) -> bool:
    return access.allows(
        actor,
        permission,
        project_id=environment.project_id,
        environment_id=environment.id,
        protected=environment.protected,
    )


def _announced(environment: Environment) -> str:
    """Where it came to rest, said once to whoever cannot see it; nothing while it moves."""
    settled = environment.state in (State.RUNNING, State.STOPPED, State.ERROR)
    return f"{environment.title}: {environment.get_state_display()}" if settled else ""


_MOVING = (State.PENDING, State.PROVISIONING, State.STOPPING, State.TERMINATING)


def _actions(environment: Environment, *, may_operate: bool) -> list[dict[str, str]]:
    """Each with the reason where it is not available now; nothing at all for who may not operate it."""
    if not may_operate or environment.state == State.TERMINATING:
        return []
    moving = f"Available when {environment.title} is no longer {environment.get_state_display().lower()}"
    if environment.state == State.ERROR:
        return [{"word": "Retry", "icon": "again", "wanted": "retry", "primary": "yes", "why": ""}]
    if environment.state in (State.STOPPED, State.SLEEPING, State.HIBERNATING):
        return [{"word": "Start", "icon": "play", "wanted": "active", "primary": "yes", "why": ""}]
    why = moving if environment.state in _MOVING else ""
    return [{"word": "Stop", "icon": "stop", "wanted": "inactive", "primary": "", "why": why}]


def lifecycle(environment: Environment, actor: Actor) -> dict[str, Any]:
    """The latest provisioning, start, stop or termination with its steps, newest attempt."""
    run = Run.objects.filter(environment=environment, kind__in=LIFECYCLE_KINDS).order_by("-created_at", "-id").first()
    steps = list(run.steps.filter(attempt=run.attempt)) if run else []
    return {
        "lifecycle": run,
        "lifecycle_steps": steps,
        "lifecycle_done": sum(step.phase == "succeeded" for step in steps),
    }


def releases(environment: Environment, actor: Actor) -> dict[str, Any]:
    """What is deployed, app by app, with the run of the newest deployment and the release a rollback leads to."""
    found = slots.told(Slot.objects.filter(measured.visible(actor), environment=environment, last_number__gt=0))
    rows = [slots.row(slot, environment, actor) for slot in found.order_by("app__name", "id")[:500]]
    kept = sum(row["live"] is not None for row in rows)
    ended = [row for row in rows if row["ended_at"]]
    return {
        "releases": rows,
        "held": any(row["may"] and row["hold_id"] for row in rows),
        "releases_kept": kept,
        "releases_live": kept if environment.state in statuses.SERVING else 0,
        "releases_announce": max(ended, key=lambda row: row["ended_at"])["announce"] if ended else "",
    }


_KINDS = {Worker.Kind.BUILTIN: "part of this installation", Worker.Kind.JOINED: "joined by command"}


def workers(environment: Environment, actor: Actor) -> dict[str, Any]:
    """Registered workers, alive first; those that ended stay visible for an hour."""
    found = (
        Worker.objects.filter(environment=environment)
        .filter(Q(ended_at__isnull=True) | Q(ended_at__gt=Now() - measured.WINDOW))
        .annotate(
            busy=Count("runs", filter=Q(runs__phase="running")),
            alive=Q(ended_at__isnull=True, lease_until__gt=Now()),
        )
        .order_by("-alive", "-last_heartbeat_at", "id")[:MOST_ROWS]
    )
    rows = [
        {
            "worker": worker,
            "name": worker.hostname,
            "status": "disconnected" if worker.ended_at else "online" if worker.alive else "offline",
            "word": narration.end_of_worker(worker.end_reason),
            "kind": _KINDS[Worker.Kind(worker.kind)],
            "busy": worker.busy,
        }
        for worker in found
    ]
    return {
        "workers": rows,
        "workers_online": sum(row["status"] == "online" for row in rows),
        "may_join": _may(actor, Permission.OPERATE, environment),
    }


def activity(environment: Environment, actor: Actor) -> dict[str, Any]:
    told = history.visible(actor).filter(environment_id=environment.id)
    return {"activity": happened.lines(told)}


def logs(environment: Environment, actor: Actor, app_id: str = "", service: str = "") -> dict[str, Any]:
    """Services that have written, and the last lines of the chosen one (the first where none is chosen)."""
    alive = Slot.objects.filter(measured.visible(actor), environment=environment, live__isnull=False)
    choices = [
        {"app": slot.app, "service": one["name"], "deployment_id": slot.live_id}
        for slot in alive.select_related("app").order_by("app__name", "id")
        for one in slot.services
    ]
    chosen = next(
        (one for one in choices if (str(one["app"].id), one["service"]) == (app_id.lower(), service)),
        choices[0] if choices else None,
    )
    lines, following = _last_lines(environment, chosen["app"], chosen["service"]) if chosen else ([], 0)
    return {"log_choices": choices, "log_chosen": chosen, "log_lines": lines, "log_after": following}


def _last_lines(environment: Environment, app: App, service: str) -> tuple[list[dict[str, Any]], int]:
    """The last lines of a service and the chunk after which more may follow; no chunk is read that is not shown."""
    newest = ServiceLogChunk.objects.filter(environment=environment, app=app, service=service).order_by("-id")
    so_far = accumulate(newest.values_list("count", flat=True)[:MOST_LINES])
    shown = 1 + sum(lines < MOST_LINES for lines in so_far)
    found = list(newest.values_list("id", "lines")[:shown])
    return [line for _, lines in reversed(found) for line in lines][-MOST_LINES:], found[0][0] if found else 0


PARTS = {
    "head": head,
    "lifecycle": lifecycle,
    "releases": releases,
    "resources": measured.resources,
    "endpoints": measured.endpoints,
    "metrics": measured.metrics,
    "workers": workers,
    "activity": activity,
    "logs": logs,
}


def busy(environment: Environment) -> Deployment | None:
    """The deployment in flight that deleting would interrupt."""
    run = Run.objects.filter(environment=environment, kind="deploy", phase__in=UNFINISHED).first()
    return run.deployment if run else None
