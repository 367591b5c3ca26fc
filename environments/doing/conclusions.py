"""A run's end and what it means, in one transaction."""

import uuid
from collections.abc import Callable, Collection, Sequence

from django.db.models import F, Q

from environments.doing import delivering, errands, fetching, provisioning
from environments.models import Environment, Phase, Run, RunKind, Slot, Worker
from environments.runs import desires, expire, hints, queue, steps
from environments.runs import finish as ends
from projects import access, events

Consequence = Callable[[Run, Phase, str], None]


def _means_nothing(run: Run, outcome: Phase, reason: str) -> None:
    """Whoever waits for this run is told of its end anyway."""


# What the end of each kind of run means; called after the run's row has its end.
CONSEQUENCES: dict[RunKind, Consequence] = {
    RunKind.PROVISION: provisioning.concluded,
    RunKind.START: provisioning.concluded,
    RunKind.STOP: provisioning.concluded,
    RunKind.TERMINATE: provisioning.concluded,
    RunKind.PREPARE: _means_nothing,
    RunKind.FETCH: fetching.concluded,
    RunKind.DEPLOY: delivering.concluded,
    RunKind.RESTART: delivering.concluded,
    RunKind.WORKFLOW: errands.concluded,
    RunKind.AGENT: errands.concluded,
}
_OPEN_STEPS = {Phase.SUCCEEDED: "succeeded", Phase.FAILED: "failed"}


@events.operation
def finish(
    run_id: uuid.UUID,
    attempt: int,
    holder: Worker | str,
    outcome: Phase | str,
    reason: str = "",
    last_lines: Sequence[str] = (),
) -> bool:
    """End the run as its holder says; False where it has said so before, LeaseLost where it is not the holder."""
    run = locked(run_id)
    outcome = Phase(outcome)
    if outcome == Phase.CANCELLED and run.cancel_asked_at is None:
        outcome, reason = Phase.ERRORED, reason or "The worker gave it up, though nobody had asked for that."
    if outcome == Phase.CANCELLED and not reason:
        reason = f"Cancelled by {access.who(run.cancel_asked_by)}."
    if not ends.finish(run_id, attempt, holder, outcome=outcome, reason=reason, last_lines=last_lines):
        return False
    if isinstance(holder, Worker):
        Worker.objects.filter(pk=holder.pk).update(tasks_processed=F("tasks_processed") + 1)
    _conclude(run)
    return True


@events.operation
def settle(run_id: uuid.UUID, *, lost: bool = False) -> None:
    """Give a run that nobody carries any more its verdict: back into the queue, or an end.

    `lost`: its holder is known to be gone, the lease need not run out.
    """
    run = locked(run_id)
    verdict = expire.verdict(run, lost=lost)
    if verdict is None:
        return
    if verdict.outcome is None:
        expire.send_back(run)
        hints.changed(run)
    else:
        _give_up(run, verdict.outcome, verdict.reason)


@events.operation
def abandon(run_id: uuid.UUID, *, outcome: Phase = Phase.ERRORED, reason: str) -> None:
    """End a run whoever holds it, also behind its point of no return: what it worked in is being taken away."""
    _give_up(locked(run_id), outcome, reason)


def _give_up(run: Run, outcome: Phase, reason: str) -> None:
    if ends.give_up(run, outcome=outcome, reason=reason):
        _conclude(run)


def _conclude(run: Run) -> None:
    run.refresh_from_db()
    outcome = Phase(run.phase)
    steps.close(run, phase=_OPEN_STEPS.get(outcome, "cancelled"))
    CONSEQUENCES[RunKind(run.kind)](run, outcome, run.reason)
    for follower in Run.objects.filter(after=run, phase=Phase.QUEUED).order_by("created_at", "id"):
        if outcome == Phase.SUCCEEDED:
            queue.announce(follower)
        else:
            verdict = expire.verdict(follower)
            if verdict is not None and verdict.outcome is not None:
                _give_up(follower, verdict.outcome, verdict.reason)
    if run.environment_id and run.carried_by == Run.CarriedBy.WORKER:
        desires.raise_version(run.environment_id)
    hints.changed(run)


def locked(run_id: uuid.UUID) -> Run:
    """The run, locked after what it is about."""
    lock([run_id])
    return Run.objects.get(pk=run_id)


def lock(run_ids: Collection[uuid.UUID]) -> None:
    """Lock these runs after what they are about: slots, environments, runs, in the order the whole house keeps."""
    about = list(Run.objects.filter(Q(pk__in=run_ids) | Q(after__in=run_ids, phase=Phase.QUEUED)))
    named = Q(pk__in=[])
    for one in about:
        if one.environment_id and one.app_id:
            named |= Q(environment_id=one.environment_id, app_id=one.app_id)
    list(Slot.objects.select_for_update(no_key=True).filter(named).order_by("id"))
    # A run's end raises the version of what its environment's workers should fetch, or changes its state.
    places = {one.environment_id for one in about if one.environment_id}
    list(Environment.objects.select_for_update(no_key=True).filter(pk__in=places).order_by("id"))
    list(Run.objects.select_for_update(no_key=True).filter(pk__in=run_ids).order_by("id"))
