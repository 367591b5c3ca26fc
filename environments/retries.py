"""Retrying what ended without success: a new attempt of the same run."""

from environments import lifecycle, tasks
from environments.delivery import deployments
from environments.models import (
    LIFECYCLE_KINDS,
    UNFINISHED,
    DeploymentKind,
    Environment,
    Phase,
    Run,
    RunKind,
    Slot,
    State,
)
from environments.planning import history, holding, telling
from environments.runs import hints, queue, steps
from projects import access, artifacts, events
from projects.access import Actor, Permission
from projects.errors import Conflict

ENTERING = (DeploymentKind.DEPLOY, DeploymentKind.PROMOTION, DeploymentKind.REDEPLOY)


class CannotRetry(Conflict):
    code = "cannot-retry"


class Held(Conflict):
    code = "held"


@events.operation
def retry(run: Run, *, by: Actor, reason: str = "") -> Run:
    """Queue another attempt; answers the run that carries it out (of an environment's own work maybe another one)."""
    if run.kind in LIFECYCLE_KINDS and run.environment:
        return _retry_of_environment(run, run.environment, by=by)
    if run.kind == RunKind.FETCH:
        return _retry_of_fetch(run, by=by, reason=reason)
    access.require(
        by,
        Permission.DEPLOY,
        project_id=run.project_id,
        environment_id=run.environment_id,
        protected=bool(run.environment and run.environment.protected),
    )
    if run.kind not in (RunKind.DEPLOY, RunKind.RESTART) or run.environment is None or run.app is None:
        raise CannotRetry(f"A run of kind {run.get_kind_display().lower()} is not retried by itself; ask again for it.")
    slot = Slot.objects.select_for_update(no_key=True).get(environment=run.environment, app=run.app)
    environment = Environment.objects.select_for_update(no_key=True).get(pk=run.environment.pk)
    before = Run.objects.select_for_update(no_key=True).filter(followers=run.pk).first()
    run = (
        Run.objects.select_for_update(no_key=True, of=("self",))
        .select_related("app", "environment", "deployment__release", "deployment__previous_release")
        .get(pk=run.pk)
    )
    check_ended(run)
    check_repeatable(run)
    _check_place(run, slot, environment, by=by)
    if before is not None and before.phase not in (*UNFINISHED, Phase.SUCCEEDED):
        queue.requeue(before)
        tasks.ring(before)
    queue.requeue(run)
    if run.deployment is not None:
        Slot.objects.filter(pk=slot.pk).update(target=run.deployment)
        telling.record("deployment.retried", run.deployment, run=run, by=by, reason=reason)
    else:
        _record(run, environment, by=by, reason=reason)
    hints.changed(run)
    return run


def check_ended(run: Run) -> None:
    """Raise CannotRetry for what is still on its way, or has succeeded."""
    if run.phase in UNFINISHED:
        raise CannotRetry(f"Run {run} is still {Phase(run.phase).label.lower()}; wait for it or cancel it first.")
    if run.phase == Phase.SUCCEEDED:
        raise CannotRetry(f"Run {run} has succeeded; there is nothing to repeat.")


def check_repeatable(run: Run) -> None:
    """Raise CannotRetry where a new attempt would repeat a step that says `once`."""
    step = steps.begun_once(run)
    if step is not None:
        raise CannotRetry(f"The step {step.name} has begun and must not be repeated; plan a new deployment instead.")


def _check_place(run: Run, slot: Slot, environment: Environment, *, by: Actor) -> None:
    deployments.check_retry(run)
    if environment.state != State.RUNNING:
        raise CannotRetry(
            f"{environment.title} is {State(environment.state).label.lower()}; nothing can run there now."
        )
    assert run.app is not None
    if run.app.archived_at is not None:
        raise CannotRetry(f"{run.app.name} is archived; nothing is deployed of it any more.")
    other = history.unfinished(run.app, environment)
    if other is not None:
        raise CannotRetry(f"{run.app.name} is being deployed in {environment.title} (run #{other.number}).")
    hold = holding.active(slot)
    enters = run.deployment is not None and run.deployment.kind in ENTERING
    if hold is not None and enters and not by.is_person:
        raise Held(
            f"{run.app.name} is held in {environment.title} since {hold.created_at:%Y-%m-%d %H:%M}: {hold.reason}"
        )


def _retry_of_environment(run: Run, environment: Environment, *, by: Actor) -> Run:
    check_ended(run)
    newer = Run.objects.filter(environment=environment, kind__in=LIFECYCLE_KINDS, number__gt=run.number)
    if newer.exists():
        raise CannotRetry(f"{environment.title} has been worked on since; retry its latest run.")
    lifecycle.retry(environment, by=by)
    latest = Run.objects.filter(environment=environment, kind__in=LIFECYCLE_KINDS).order_by("-number").first()
    assert latest is not None
    return latest


def _retry_of_fetch(run: Run, *, by: Actor, reason: str) -> Run:
    """What is made of the artifact waits for it again instead of being dead for ever."""
    access.require(by, Permission.RELEASE, project_id=run.project_id)
    run = Run.objects.select_for_update(no_key=True, of=("self",)).select_related("app", "artifact__app").get(pk=run.pk)
    check_ended(run)
    assert run.artifact is not None
    artifacts.fetch_again(run.artifact, by=by)
    queue.requeue(run)
    tasks.ring(run)
    _record(run, None, by=by, reason=reason)
    hints.changed(run)
    return run


def _record(run: Run, environment: Environment | None, *, by: Actor, reason: str) -> None:
    events.record(
        "run.retried",
        by=by,
        object={"kind": "run", "id": run.pk, "name": str(run)},
        project_id=run.project_id,
        environment_id=run.environment_id,
        app_id=run.app_id,
        run_kind=run.kind,
        number=run.number,
        app=run.app.name if run.app else "",
        environment=environment.title if environment else "",
        reason=reason,
    )
