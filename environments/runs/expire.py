"""What becomes of a run whose holder was not heard of in time: the verdicts, and the way back into the queue.

`doing.sweeping` finds such runs, asks for the verdict and adds what an end means.
"""

import uuid
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q

from environments.models import UNFINISHED, Phase, Run, RunStep
from environments.runs import queue, steps
from environments.runs.clock import ClockTime
from environments.runs.lease import LEASE
from projects.access import who

# A holder watches its own deadline; the control plane ends what went on regardless.
GRACE = timedelta(seconds=60)
# A holder past its point of no return goes forward without looking at its deadline; one that hangs there must end too.
SEALED_GRACE = timedelta(minutes=15)
# How long a run past its point of no return waits for its host to come back.
HOST_BACK = timedelta(minutes=15)
# Attempts that a run past its point of no return has beyond those it was given: one that is lost each time must end.
MORE_WHEN_SEALED = 3


@dataclass(frozen=True)
class Verdict:
    """`outcome` is None where the run goes back into the queue."""

    outcome: Phase | None
    reason: str


def due(*, limit: int = 200) -> list[uuid.UUID]:
    """Runs that need a verdict: lease over, far past the deadline, cancelled in the queue, or waiting in vain."""
    now = ClockTime()
    # Two questions, so that each is answered from the small index of its phase however long the history grows.
    held = Run.objects.filter(phase=Phase.RUNNING).filter(
        _over() | Q(deadline_at__lt=now - GRACE, sealed_at__isnull=True) | Q(deadline_at__lt=now - SEALED_GRACE)
    )
    waiting = Run.objects.filter(phase=Phase.QUEUED).filter(
        Q(cancel_asked_at__isnull=False)
        | Q(sealed_at__isnull=False, not_before__lt=now - HOST_BACK)
        | Q(after__phase__in=[Phase.FAILED, Phase.ERRORED, Phase.CANCELLED])
    )
    return [pk for rows in (held, waiting) for pk in rows.order_by("created_at").values_list("pk", flat=True)[:limit]]


def _over() -> Q:
    """The lease has run out; or it lasts longer than any that is given, because the clock has gone back since."""
    return Q(lease_until__lt=ClockTime()) | Q(lease_until__gt=ClockTime() + 2 * LEASE)


def verdict(run: Run, *, lost: bool = False) -> Verdict | None:
    """What becomes of this run (locked by the caller); None where it needs no verdict any more.

    `lost` says that its holder is gone for sure, so that its lease need not run out first.
    """
    if run.phase == Phase.QUEUED:
        return _of_queued(run)
    if run.phase not in UNFINISHED:
        return None
    over = lost or Run.objects.filter(_over(), pk=run.pk).exists()
    if not over:
        grace = SEALED_GRACE if run.sealed_at else GRACE
        if not Run.objects.filter(pk=run.pk, deadline_at__lt=ClockTime() - grace).exists():
            return None
        where = " and hangs behind the point of no return" if run.sealed_at else ""
        return Verdict(Phase.ERRORED, f"It took longer than {_span(run.timeout_seconds)}{where}.")
    if run.sealed_at and run.attempt >= run.max_attempts + MORE_WHEN_SEALED:
        return Verdict(
            Phase.ERRORED, f"The worker was lost again and again after the point of no return ({run.attempt} attempts)."
        )
    if run.sealed_at:
        # The worker is told which steps must not be repeated, and ends the run rather than repeat one.
        return Verdict(None, "The worker was lost after the point of no return; the same host goes forward.")
    if run.cancel_asked_at:
        return Verdict(Phase.CANCELLED, f"Cancelled by {who(run.cancel_asked_by)}.")
    once = steps.begun_once(run)
    if once:
        return Verdict(Phase.ERRORED, f"The worker was lost, and the step {once.name} must not be repeated.")
    if run.attempt >= run.max_attempts:
        return Verdict(Phase.ERRORED, f"The worker was lost in attempt {run.attempt} of {run.max_attempts}.")
    return Verdict(None, f"The worker was lost in attempt {run.attempt}; the next begins.")


def _of_queued(run: Run) -> Verdict | None:
    if run.cancel_asked_at and not run.sealed_at:
        return Verdict(Phase.CANCELLED, f"Cancelled by {who(run.cancel_asked_by)}.")
    if run.sealed_at and Run.objects.filter(pk=run.pk, not_before__lt=ClockTime() - HOST_BACK).exists():
        return Verdict(
            Phase.ERRORED,
            "Its host did not come back after the point of no return; when it does, it returns to what is live here.",
        )
    before = run.after
    if before is not None and before.phase not in UNFINISHED and before.phase != Phase.SUCCEEDED:
        why = before.reason or f"it was {before.phase}"
        return Verdict(
            Phase.ERRORED, f"What it waited for ({before.get_kind_display().lower()}) did not succeed: {why}"
        )
    return None


def send_back(run: Run) -> None:
    """Into the queue again: the attempt that was is over, and nobody holds the run.

    It stays on its host; a worker's that is about no app goes back to where its environment is, which may be anywhere.
    """
    home = run.host_id
    if run.app_id is None and run.carried_by == Run.CarriedBy.WORKER and run.environment is not None:
        home = run.environment.host_id
    Run.objects.filter(pk=run.pk, phase=Phase.RUNNING).update(
        phase=Phase.QUEUED,
        claimant="",
        claim_key="",
        worker=None,
        host=home,
        lease_until=None,
        ends=run.ends | {str(run.attempt): "lost"},
        # Since when it waits, for the one that may only go on where it was.
        not_before=ClockTime(),
    )
    RunStep.objects.filter(run=run, attempt=run.attempt, phase__in=["pending", "running"]).update(
        phase="cancelled", detail="The worker was lost.", finished_at=ClockTime()
    )
    run.refresh_from_db()
    queue.announce(run)


def _span(seconds: int) -> str:
    if seconds % 3600 == 0:
        return f"{seconds // 3600} h"
    return f"{seconds // 60} min" if seconds >= 60 else f"{seconds} s"
