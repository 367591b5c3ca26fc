"""A run ends: once, by its holder, for the attempt it holds."""

import uuid
from collections.abc import Sequence

from environments.models import UNFINISHED, Phase, Run, Worker
from environments.runs.clock import ClockTime
from environments.runs.lease import LeaseLost, claimant_of, held
from projects import bell

MOST_LINES = 50
LONGEST_LINE = 2000
LONGEST_REASON = 4000


def finish(
    run_id: uuid.UUID,
    attempt: int,
    holder: Worker | str,
    *,
    outcome: Phase,
    reason: str = "",
    last_lines: Sequence[str] = (),
) -> bool:
    """Write the end; False where this holder has said the same before. LeaseLost for an attempt that is not its own.

    Called by `doing.conclusions` alone, which adds what the end means.
    """
    ended = held(run_id, attempt, holder).update(**_end(outcome, reason, last_lines))
    if ended:
        _say_that_its_log_ends(run_id)
        return True
    said_before = Run.objects.filter(pk=run_id, attempt=attempt, claimant=claimant_of(holder), phase=outcome)
    if said_before.exists():
        return False
    raise LeaseLost()


def give_up(run: Run, *, outcome: Phase, reason: str) -> bool:
    """End an unfinished run over its holder's head: whatever that one reports from now on is refused."""
    ended = Run.objects.filter(pk=run.pk, phase__in=UNFINISHED).update(**_end(outcome, reason, ()))
    if ended:
        _say_that_its_log_ends(run.pk)
    return bool(ended)


def _say_that_its_log_ends(run_id: uuid.UUID) -> None:
    """To whoever follows it, after commit: they need not find out by themselves seconds later."""
    bell.ring(bell.LOGS, run=run_id)


def _end(outcome: Phase, reason: str, last_lines: Sequence[str]) -> dict[str, object]:
    if outcome in UNFINISHED:
        raise ValueError("An end is succeeded, failed, errored or cancelled.")
    return {
        "phase": outcome,
        "reason": reason.replace("\0", "")[:LONGEST_REASON],
        "last_lines": [line.replace("\0", "")[:LONGEST_LINE] for line in last_lines][-MOST_LINES:],
        "lease_until": None,
        "finished_at": ClockTime(),
    }
