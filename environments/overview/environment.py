"""An environment's page, part by part; each part is one card that is read, drawn and refreshed alone."""

import uuid
from datetime import timedelta
from typing import Any

from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import Now
from django.urls import reverse

from environments.models import (
    LIFECYCLE_KINDS,
    UNFINISHED,
    Deployment,
    Endpoint,
    Environment,
    Hold,
    Run,
    Sample,
    ServiceLogChunk,
    Slot,
    StageEnvironment,
    State,
    Worker,
)
from environments.overview import sizes, sparklines
from projects import access, narration
from projects.access import Actor, Permission
from projects.models import Event

WINDOW = timedelta(minutes=60)
MOST_ROWS = 50


def page(environment: Environment, actor: Actor) -> dict[str, Any]:
    """Everything the whole page shows: the head and every part."""
    context: dict[str, Any] = {}
    for part in PARTS.values():
        context |= part(environment, actor)
    return context


def head(environment: Environment, actor: Actor) -> dict[str, Any]:
    places = StageEnvironment.objects.filter(environment=environment, chain__project=None)
    place = places.select_related("stage", "chain").first()
    may_operate = access.allows(
        actor, Permission.OPERATE, environment_id=environment.id, protected=environment.protected
    )
    may_manage = access.allows(actor, Permission.MANAGE_ENVIRONMENTS, environment_id=environment.id)
    return {
        "environment": environment,
        "place": place,
        "level": place.stage.position + 1 if place else 0,
        "actions": _actions(environment, may_operate=may_operate),
        "may_delete": may_manage and not environment.is_default and environment.state != State.TERMINATING,
        "may_operate": may_operate,
    }


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
        "lifecycle_done": sum(step.phase in ("succeeded", "skipped") for step in steps),
    }


def releases(environment: Environment, actor: Actor) -> dict[str, Any]:
    """What is deployed, app by app, with the run of the newest deployment and the release a rollback leads to."""
    latest = Run.objects.filter(environment=OuterRef("environment"), app=OuterRef("app"), kind="deploy")
    latest = latest.order_by("-created_at", "-id")
    hold = Hold.objects.filter(slot=OuterRef("pk"), lifted_at__isnull=True)
    slots = (
        Slot.objects.filter(_visible(actor), environment=environment, last_number__gt=0)
        .select_related("app__project", "live__release", "previous__release", "target__release")
        .annotate(
            run_id=Subquery(latest.values("id")[:1]),
            run_phase=Subquery(latest.values("phase")[:1]),
            run_reason=Subquery(latest.values("reason")[:1]),
            run_number=Subquery(latest.values("deployment__number")[:1]),
            run_kind=Subquery(latest.values("deployment__kind")[:1]),
            run_version=Subquery(latest.values("deployment__release__version")[:1]),
            hold_id=Subquery(hold.values("id")[:1]),
            hold_reason=Subquery(hold.values("reason")[:1]),
        )
        .order_by("app__name", "id")
    )
    rows = [_release_row(slot, environment, actor) for slot in slots[:500]]
    return {"releases": rows, "releases_live": sum(row["live"] is not None for row in rows)}


def _release_row(slot: Any, environment: Environment, actor: Actor) -> dict[str, Any]:
    may = access.allows(
        actor,
        Permission.DEPLOY,
        project_id=slot.app.project_id,
        environment_id=environment.id,
        protected=environment.protected,
    )
    working = slot.run_phase in UNFINISHED
    failed = slot.run_phase in ("failed", "errored") and (slot.live is None or slot.run_number > slot.live.number)
    if working:
        status = "removing" if slot.run_kind == "removal" else "deploying"
    elif failed:
        status = slot.run_phase
    elif slot.live is None:
        status = "none"
    elif slot.condition != Slot.Condition.OK:
        status = slot.condition
    elif slot.hold_id:
        status = "held"
    elif slot.live.kind == "rollback":
        status = "rolled-back"
    else:
        status = "live"
    back = slot.previous.release if slot.live and slot.previous and slot.previous.release else None
    draft = f"{reverse('plan-draft')}?app={slot.app_id}&environment_id={environment.id}&kind="
    return {
        "app": slot.app,
        "status": status,
        "live": slot.live,
        "release": slot.live.release if slot.live else None,
        "tried": slot.run_version if working or failed else "",
        "run_url": reverse("run", args=[slot.run_id]) if slot.run_id else "",
        "note": slot.condition_reason if status in ("degraded", "drifted") else slot.run_reason if failed else "",
        "hold_reason": slot.hold_reason,
        "hold_id": slot.hold_id,
        "may": may,
        "working": working,
        "back": back,
        "back_url": f"{draft}rollback" if back else "",
        "removal_url": f"{draft}removal",
    }


def resources(environment: Environment, actor: Actor) -> dict[str, Any]:
    """Services and workers with what their processes really use: CPU in cores, memory in bytes."""
    rows: list[dict[str, Any]] = []
    slots = Slot.objects.filter(_visible(actor), environment=environment, live__isnull=False).select_related("app")
    for slot in slots.order_by("app__name", "id")[:500]:
        may = access.allows(
            actor,
            Permission.DEPLOY,
            project_id=slot.app.project_id,
            environment_id=environment.id,
            protected=environment.protected,
        )
        rows += [
            {
                "name": f"{slot.app.name} / {service['name']}",
                "kind": "Service",
                "status": service.get("state", "stopped"),
                "note": _note(service),
                "cpu": sizes.cores(service.get("cpu")),
                "memory": sizes.data(service.get("memory")),
                "app_id": slot.app_id,
                "service": service["name"],
                "may": may,
            }
            for service in slot.services
        ]
    return {"resources": rows, "used": _used(environment.resources)}


def _note(service: dict[str, Any]) -> str:
    said = " · ".join(part for part in (service.get("exit") or "", service.get("line") or "") if part)
    return said if service.get("state") not in ("running", "starting") else ""


def _used(observed: dict[str, Any]) -> dict[str, str]:
    return {
        "cpu": sizes.cores(observed.get("cpu")),
        "memory": sizes.data(observed.get("memory")),
        "storage": sizes.data(observed.get("storage")),
    }


def endpoints(environment: Environment, actor: Actor) -> dict[str, Any]:
    """Addresses with the state of the service behind each."""
    found = (
        Endpoint.objects.filter(_visible(actor), environment=environment, released_at__isnull=True)
        .select_related("app", "host")
        .order_by("app__name", "service", "id")[:500]
    )
    services = {
        (slot.app_id, service["name"]): service.get("state", "stopped")
        for slot in Slot.objects.filter(environment=environment, live__isnull=False).only("app_id", "services")
        for service in slot.services
    }
    rows = [
        {
            "name": f"{endpoint.app.name} / {endpoint.service}",
            "url": endpoint.url,
            "short": endpoint.url.removeprefix("http://"),
            "status": services.get((endpoint.app_id, endpoint.service), "pending"),
        }
        for endpoint in found
    ]
    return {"endpoints": rows, "endpoints_ready": sum(row["status"] == "running" for row in rows)}


def metrics(environment: Environment, actor: Actor) -> dict[str, Any]:
    """The last hour of CPU, memory and storage as sparklines."""
    samples = list(Sample.objects.filter(environment=environment, at__gt=Now() - WINDOW).order_by("at")[:2000])
    used = _used(environment.resources)
    lines = [
        ("CPU", used["cpu"], "cores", [sample.cpu for sample in samples]),
        ("Memory", used["memory"], "", [float(sample.memory) for sample in samples]),
        ("Storage", used["storage"], "", [float(sample.storage) for sample in samples]),
    ]
    return {
        "metrics": [
            {"name": name, "value": value, "unit": unit, "path": sparklines.path(values)}
            for name, value, unit, values in lines
        ],
        "sampled": bool(samples),
    }


def workers(environment: Environment, actor: Actor) -> dict[str, Any]:
    """Registered workers, alive first; those that ended stay visible for an hour."""
    found = (
        Worker.objects.filter(environment=environment)
        .filter(Q(ended_at__isnull=True) | Q(ended_at__gt=Now() - WINDOW))
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
            "word": worker.end_reason,
            "busy": worker.busy,
        }
        for worker in found
    ]
    return {
        "workers": rows,
        "workers_online": sum(row["status"] == "online" for row in rows),
        "may_join": access.allows(
            actor, Permission.OPERATE, environment_id=environment.id, protected=environment.protected
        ),
    }


def activity(environment: Environment, actor: Actor) -> dict[str, Any]:
    seen = Event.objects.filter(organization_id=actor.organization.id, environment_id=environment.id)
    if actor.visible_projects is not None:
        seen = seen.filter(Q(project_id=None) | Q(project_id__in=actor.visible_projects))
    return {
        "activity": [{"event": event, "sentence": narration.sentence(event)} for event in seen.order_by("-number")[:12]]
    }


def logs(
    environment: Environment, actor: Actor, *, app_id: uuid.UUID | None = None, service: str = ""
) -> dict[str, Any]:
    """Services that have written, and the last lines of the chosen one (the first where none is chosen)."""
    slots = Slot.objects.filter(_visible(actor), environment=environment, live__isnull=False).select_related("app")
    choices = [
        {"app": slot.app, "service": one["name"], "deployment_id": slot.live_id}
        for slot in slots.order_by("app__name", "id")
        for one in slot.services
    ]
    chosen = next(
        (one for one in choices if (one["app"].id, one["service"]) == (app_id, service)),
        choices[0] if choices else None,
    )
    lines: list[dict[str, Any]] = []
    following = 0
    if chosen:
        chunks = ServiceLogChunk.objects.filter(
            environment=environment, app=chosen["app"], service=chosen["service"]
        ).order_by("-id")[:40]
        found = list(chunks)
        following = found[0].id if found else 0
        lines = [line for chunk in reversed(found) for line in chunk.lines][-200:]
    return {"log_choices": choices, "log_chosen": chosen, "log_lines": lines, "log_after": following}


def _visible(actor: Actor) -> Q:
    return Q() if actor.visible_projects is None else Q(app__project_id__in=actor.visible_projects)


PARTS = {
    "head": head,
    "lifecycle": lifecycle,
    "releases": releases,
    "resources": resources,
    "endpoints": endpoints,
    "metrics": metrics,
    "workers": workers,
    "activity": activity,
    "logs": logs,
}


def busy(environment: Environment) -> Deployment | None:
    """The deployment in flight that deleting would interrupt."""
    run = Run.objects.filter(environment=environment, kind="deploy", phase__in=UNFINISHED).first()
    return run.deployment if run else None
