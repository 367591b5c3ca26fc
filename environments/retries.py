"""Retrying what ended without success: a new attempt of the same run."""

from django.db.models import QuerySet

from environments import errands, lifecycle, tasks
from environments.delivery import deployments, restarts
from environments.models import ERRAND_KINDS, LIFECYCLE_KINDS, UNFINISHED, Environment, Phase, Run, RunKind, Slot
from environments.planning import telling
from environments.runs import hints, queue, steps
from projects import access, artifacts, events, reasons
from projects.access import Actor, Permission
from projects.errors import Conflict


class CannotRetry(Conflict):
    code = "cannot-retry"


@events.operation
def retry(run: Run, *, by: Actor, reason: str = "") -> Run:
    """Queue another attempt; answers the run that carries it out (of an environment's own work maybe another one)."""
    reasons.check(reason)
    run = _locked(run)
    check(run, by=by)
    if run.kind in LIFECYCLE_KINDS and run.environment is not None:
        lifecycle.retry(run.environment, by=by)
        return _works(run.environment).latest("number")
    if run.artifact is not None:
        # What is made of the artifact waits for it again instead of being dead for ever.
        artifacts.fetch_again(run.artifact, by=by)
    before = run.after
    for one in (before, run) if before and before.phase not in (*UNFINISHED, Phase.SUCCEEDED) else (run,):
        queue.requeue(one)
        tasks.ring(one)
    if run.deployment is not None:
        Slot.objects.filter(app=run.app, environment=run.environment).update(target=run.deployment)
        telling.record("deployment.retried", run.deployment, run=run, by=by, reason=reason)
    else:
        telling.record_run("run.retried", run, by=by, reason=reason)
    hints.changed(run)
    return run


def check(run: Run, *, by: Actor) -> None:
    """Raise what stands in the way of another attempt. Judged behind the locks, and told beside the button."""
    _require(run, by=by)
    if run.phase in UNFINISHED:
        raise CannotRetry(f"Run {run} is still {Phase(run.phase).label.lower()}; wait for it or cancel it first.")
    if run.phase == Phase.SUCCEEDED:
        raise CannotRetry(f"Run {run} has succeeded; there is nothing to repeat.")
    if run.kind in LIFECYCLE_KINDS and run.environment is not None:
        if _works(run.environment).filter(number__gt=run.number).exists():
            raise CannotRetry(f"{run.environment.title} has been worked on since; retry its latest run.")
        lifecycle.check_retry(run.environment)
    elif run.kind == RunKind.FETCH and run.artifact is not None:
        artifacts.check_fetch(run.artifact)
    elif run.kind == RunKind.DEPLOY and run.deployment is not None:
        step = steps.begun_once(run)
        if step is not None:
            raise CannotRetry(
                f"The step {step.name} has begun and must not be repeated; plan a new deployment instead."
            )
        deployments.check_retry(run.deployment, by=by)
    elif run.kind in ERRAND_KINDS:
        step = steps.begun_once(run)
        if step is not None:
            raise CannotRetry(f"The step {step.name} has begun and must not be repeated; run it anew instead.")
        errands.check_again(run)
    elif run.kind == RunKind.RESTART:
        restarts.check(Slot.objects.get(app=run.app, environment=run.environment), service=run.service)
    else:
        raise CannotRetry(f"A run of kind {run.get_kind_display().lower()} is not retried by itself; ask again for it.")


def _locked(run: Run) -> Run:
    """The run as it is behind the locks of its slot, its environment and the run it waits for, in this order."""
    list(Slot.objects.select_for_update(no_key=True).filter(app=run.app_id, environment=run.environment_id))
    list(Environment.objects.select_for_update(no_key=True, of=("self",)).filter(runs=run.pk))
    list(Run.objects.select_for_update(no_key=True).filter(followers=run.pk))
    return (
        Run.objects.select_for_update(no_key=True, of=("self",))
        .select_related(
            "after", "app", "project", "workflow", "agent", "environment", "artifact__app", "deployment__release"
        )
        .get(pk=run.pk)
    )


def _works(environment: Environment) -> QuerySet[Run]:
    return Run.objects.filter(environment=environment, kind__in=LIFECYCLE_KINDS)


def _require(run: Run, *, by: Actor) -> None:
    """What the run was asked for with."""
    environment = run.environment
    permission = Permission.OPERATE if run.kind in LIFECYCLE_KINDS else Permission.DEPLOY
    access.require(
        by,
        Permission.RELEASE if run.kind == RunKind.FETCH else permission,
        project_id=run.project_id or (environment.project_id if environment else None),
        environment_id=run.environment_id,
        protected=bool(environment and environment.protected),
    )
