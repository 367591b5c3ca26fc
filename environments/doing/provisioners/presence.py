"""What is known of an environment's workers and services: the questions that steps wait for, alike for every driver."""

from datetime import datetime

from environments.doing.progress import Progress, StepFailed
from environments.models import Environment, Slot, Worker
from environments.runs import clock, sessions
from projects import access, events

SETTLED = {"running", "unhealthy", "crash-looping"}
# A worker that does not answer must not keep an environment from being stopped: what it holds is stopped for it.
PATIENCE = 30.0


def await_builtin_worker(environment: Environment, progress: Progress, *, seconds: float) -> Worker | None:
    """A sign of life from the built-in worker that is younger than this question; None when none came in time."""
    enough = progress.seconds_left - seconds

    def heard_of() -> Worker | None:
        return Worker.objects.filter(
            environment=environment, kind=Worker.Kind.BUILTIN, ended_at=None, last_heartbeat_at__gt=since
        ).first()

    since = clock.now()
    progress.wait_for(lambda: heard_of() or progress.seconds_left < enough, every=0.3)
    return heard_of()


@events.operation
def end_builtin_session(environment: Environment) -> None:
    """The process is gone for certain, also when it could not say goodbye."""
    by = access.system(environment.organization)
    open_ones = Worker.objects.filter(environment=environment, kind=Worker.Kind.BUILTIN, ended_at=None)
    for worker in open_ones.select_related("environment", "organization"):
        sessions.end(worker, reason="the control plane stopped it", by=by)


def await_services_stopped(environment: Environment, progress: Progress) -> None:
    """Wait until every worker says that its services have stopped; StepFailed never, the caller stops what is left."""
    since = clock.now()
    live = Slot.objects.filter(environment=environment, live__isnull=False).select_related("app")
    if not live.exists():
        progress.say("Nothing is deployed here.")
        return
    waiting = {slot.app.name for slot in live}
    until = progress.seconds_left - PATIENCE

    def settled() -> bool:
        nonlocal waiting
        if progress.seconds_left < until or not sessions.alive([environment.id])[environment.id]:
            return True
        still = {slot.app.name for slot in live.all() if not stopped(slot, since)}
        for name in sorted(waiting - still):
            progress.say(f"{name} has stopped.")
        waiting = still
        return not still

    progress.wait_for(settled, every=0.5)
    if waiting:
        progress.say(f"No worker says that {', '.join(sorted(waiting))} has stopped.")


def stopped(slot: Slot, since: datetime) -> bool:
    """Whether a report that is younger than `since` shows no service of the slot at work."""
    if slot.observed_at is None or slot.observed_at < since:
        return False
    return all(service.get("state") == "stopped" for service in slot.services)


def await_releases(environment: Environment, progress: Progress, *, seconds: float) -> None:
    """Wait until what was live serves again; what does not come back is said and left to the board, which shows it."""
    since = clock.now()
    live = Slot.objects.filter(environment=environment, live__isnull=False).select_related("app", "live__release")
    waiting = {slot.app.name: slot for slot in live}
    enough = progress.seconds_left - seconds

    def settled() -> bool:
        for slot in live.all():
            if slot.app.name in waiting and serves(slot, since):
                del waiting[slot.app.name]
                version = slot.live.release.version if slot.live and slot.live.release else ""
                progress.say(f"{slot.app.name} {version} serves again.")
        return not waiting or progress.seconds_left < enough

    progress.wait_for(settled, every=0.5)
    for name in sorted(waiting):
        progress.say(f"{name} has not come back yet; its cell on the board shows how it goes on.")


def serves(slot: Slot, since: datetime) -> bool:
    return bool(
        slot.observed_at
        and slot.observed_at > since
        and slot.observed_id == slot.live_id
        and all(service.get("state") in SETTLED for service in slot.services)
    )


def await_workers_gone(environment: Environment, progress: Progress) -> None:
    """Wait until every worker has stopped its services and said goodbye, or was not heard of for long enough."""
    before = sessions.alive([environment.id])[environment.id]
    if not before:
        progress.say("No worker is connected.")
        return
    progress.say(f"Told {len(before)} worker(s) to stop their services.")
    until = progress.seconds_left - PATIENCE
    names = {worker.pk: worker.hostname for worker in before}

    def gone() -> bool:
        left = {worker.pk for worker in sessions.alive([environment.id])[environment.id]}
        for key in sorted(set(names) - left, key=str):
            progress.say(f"The worker on {names.pop(key)} stopped its services and left.")
        return not names or progress.seconds_left < until

    progress.wait_for(gone, every=0.3)
    for name in names.values():
        progress.say(f"The worker on {name} did not say goodbye in time; it loses its session now.")


def refuse_without_directory(environment: Environment) -> None:
    if not environment.directory:
        raise StepFailed("This environment has no place on a host yet; retry its provisioning.")


def say_namespace(environment: Environment, progress: Progress) -> None:
    progress.say(f"Work for {environment.title} is queued and claimed under {environment.namespace}.")
