"""Cancelling a run: a wish that its holder learns of, carried out at once where nobody holds it yet."""

from environments.doing import conclusions
from environments.models import ERRAND_KINDS, Phase, Run, RunKind
from environments.planning import telling
from environments.runs import cancel as wishes
from environments.runs import hints
from projects import access, events, reasons
from projects.access import Actor, Permission
from projects.errors import Conflict

CANCELLABLE = (RunKind.DEPLOY, RunKind.RESTART, RunKind.FETCH, *ERRAND_KINDS)


class NotCancellable(Conflict):
    code = "not-cancellable"


@events.operation
def cancel(run: Run, *, by: Actor, reason: str = "") -> Run:
    """Ask the run to stop; refused once it is past the point of no return, or has ended."""
    reasons.check(reason)
    conclusions.locked(run.pk)
    run.refresh_from_db()
    check(run, by=by)
    asked_before = run.cancel_asked_at is not None
    wishes.ask(run, by=by, reason=reason)
    if not asked_before:
        telling.record_run("run.cancel_asked", run, by=by, reason=reason)
    if run.phase == Phase.QUEUED:
        conclusions.settle(run.pk)
        run.refresh_from_db()
    hints.changed(run)
    return run


def check(run: Run, *, by: Actor) -> None:
    """Raise what stands in the way of stopping it. Judged behind the locks, and told where a page offers it."""
    access.require(
        by,
        Permission.RELEASE if run.kind == RunKind.FETCH else Permission.DEPLOY,
        project_id=run.project_id,
        environment_id=run.environment_id,
        protected=bool(run.environment and run.environment.protected),
    )
    if run.kind not in CANCELLABLE:
        raise NotCancellable(
            f"The {run.get_kind_display().lower()} of an environment cannot be cancelled; wait for it, or delete it."
        )
    wishes.check(run)
