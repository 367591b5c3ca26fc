"""Restarts: one live service is stopped and started again where it is."""

from typing import Any

from environments.models import UNFINISHED, Environment, Run, RunKind, Slot, State
from environments.planning import history, plans
from environments.runs import queue
from projects import access, events, reasons
from projects.access import Actor, Permission
from projects.errors import Conflict, Invalid
from projects.models import App

# What a restart may take beyond the time in which its service stops and becomes healthy.
MARGIN = 300


class CannotRestart(Conflict):
    code = "cannot-restart"


@events.operation
def restart(*, by: Actor, environment: Environment, app: App, service: str, reason: str = "") -> Run:
    """Ask the worker to restart `service`; refused while a deployment or another restart of it is on its way."""
    reasons.check(reason)
    slot = plans.lock_slot(app, environment)
    # Behind the lock: somebody may be protecting it just now.
    environment = Environment.objects.select_for_update(no_key=True).get(pk=environment.pk)
    access.require(
        by,
        Permission.DEPLOY,
        project_id=app.project_id,
        environment_id=environment.id,
        protected=environment.protected,
    )
    check(slot, service=service)
    run = queue.enqueue(
        kind=RunKind.RESTART,
        by=by,
        organization=environment.organization,
        environment=environment,
        app=app,
        service=service,
        host=slot.placement,
        timeout_seconds=_patience(slot, service),
        specification={"reason": reason} if reason else {},
    )
    events.record(
        "service.restart_asked",
        by=by,
        object={"kind": "service", "id": f"{app.id}/{service}", "name": service},
        project_id=app.project_id,
        environment_id=environment.id,
        app_id=app.id,
        subjects=[f"run:{run.id}"],
        app=app.name,
        environment=environment.title,
        service=service,
        reason=reason,
        run_id=str(run.id),
    )
    return run


def _patience(slot: Slot, service: str) -> int:
    services = slot.live.release.manifest["services"] if slot.live and slot.live.release else []
    found: dict[str, Any] = next((one for one in services if one["name"] == service), {})
    return int(found.get("stop_timeout", 10) + (found.get("health") or {}).get("within", 60) + MARGIN)


def check(slot: Slot, *, service: str) -> None:
    """Raise why the service cannot be restarted there now."""
    app, environment = slot.app, slot.environment
    where = environment.title
    release = slot.live.release if slot.live else None
    if release is None:
        raise CannotRestart(f"{app.name} is not deployed in {where}.")
    names = [each["name"] for each in release.manifest["services"]]
    if service not in names:
        known = f"it has {', '.join(names)}" if names else "it has no services"
        raise Invalid.field("service", f"{app.name} {release.version} has no service {service}; {known}.")
    if environment.state != State.RUNNING:
        raise CannotRestart(f"{where} is {State(environment.state).label.lower()}; its services do not run now.")
    run = history.unfinished(app, environment)
    if run is not None:
        raise CannotRestart(f"{app.name} is being deployed in {where} (run {run.number}); wait for it or cancel it.")
    twin = Run.objects.filter(
        environment=environment, app=app, service=service, kind=RunKind.RESTART, phase__in=UNFINISHED
    ).first()
    if twin is not None:
        raise CannotRestart(
            f"{service} is being restarted already, by {access.who(twin.created_by)} (run {twin.number})."
        )
