"""The steps of an attempt, as its holder reports them; times are the database's."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from environments.models import Run, RunStep, Worker
from environments.runs import hints
from environments.runs.lease import lock
from projects.errors import Invalid

PHASES = ("pending", "running", "succeeded", "failed", "skipped", "cancelled")
LONGEST_DETAIL = 4000
MOST_STEPS = 200


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a holder says about one step; when it began and ended is when that was said."""

    n: int
    name: str
    phase: str
    detail: str = ""
    exit_code: int | None = None
    once: bool = False


_LAY_OUT = """
INSERT INTO environments_runstep (run_id, attempt, n, name, phase, detail, once)
SELECT %s, %s, step.n, step.name, 'pending', '', step.once
FROM unnest(%s::text[], %s::boolean[]) WITH ORDINALITY AS step (name, once, n)
ON CONFLICT DO NOTHING
"""
_REPORT = """
INSERT INTO environments_runstep AS step
    (run_id, attempt, n, name, phase, detail, exit_code, once, started_at, finished_at)
VALUES (%(run)s, %(attempt)s, %(n)s, %(name)s, %(phase)s, %(detail)s, %(exit_code)s, %(once)s,
    CASE WHEN %(began)s THEN clock_timestamp() END,
    CASE WHEN %(ended)s THEN clock_timestamp() END)
ON CONFLICT (run_id, attempt, n) DO UPDATE SET
    name = EXCLUDED.name, phase = EXCLUDED.phase, detail = EXCLUDED.detail, exit_code = EXCLUDED.exit_code,
    once = step.once OR EXCLUDED.once, started_at = coalesce(step.started_at, EXCLUDED.started_at),
    finished_at = CASE WHEN %(ended)s THEN coalesce(step.finished_at, EXCLUDED.finished_at) END
WHERE step.phase NOT IN ('succeeded', 'failed', 'skipped', 'cancelled') OR EXCLUDED.phase NOT IN ('pending', 'running')
"""


def lay_out(run: Run, steps: Iterable[tuple[str, bool]]) -> None:
    """Write down what the attempt is going to do, `(name, once)` in order, before it begins."""
    told = list(steps)
    names, onces = [name[:100] for name, _ in told], [once for _, once in told]
    with connection.cursor() as cursor:
        cursor.execute(_LAY_OUT, [run.pk, run.attempt, names, onces])


def report(run_id: uuid.UUID, attempt: int, holder: Worker | str, *told: Report) -> bool:
    """Note how steps go, one or several; answers whether the run should be cancelled. LeaseLost for an attempt that is
    over.

    A repeated report changes nothing, and a late `running` does not undo an end.
    """
    for step in told:
        if step.phase not in PHASES:
            raise Invalid.field("step.phase", f"one of {', '.join(PHASES)}")
        if not 1 <= step.n <= MOST_STEPS:
            raise Invalid.field("step.n", f"from 1 to {MOST_STEPS}")
    with transaction.atomic():
        run = lock(run_id, attempt, holder)
        with connection.cursor() as cursor:
            for step in told:
                cursor.execute(_REPORT, {"run": run_id, "attempt": attempt, **_noted(step)})
        hints.changed(run)
    return run.cancel_asked_at is not None and run.sealed_at is None


def _noted(step: Report) -> dict[str, Any]:
    return {
        "n": step.n,
        "name": _clean(step.name)[:100],
        "phase": step.phase,
        "detail": _clean(step.detail)[:LONGEST_DETAIL],
        "exit_code": step.exit_code,
        "once": step.once,
        "began": step.phase not in ("pending", "skipped"),
        "ended": step.phase not in ("pending", "running"),
    }


def begun_once(run: Run) -> RunStep | None:
    """A step that must not be repeated and has begun, in whichever attempt."""
    return RunStep.objects.filter(run=run, once=True, started_at__isnull=False).order_by("attempt", "n").first()


def begun_before(run: Run) -> set[int]:
    """The places, among the run's steps, of those that must not be repeated and have begun in an earlier attempt."""
    begun = RunStep.objects.filter(run=run, once=True, started_at__isnull=False, attempt__lt=run.attempt)
    return set(begun.values_list("n", flat=True))


def close(run: Run, *, phase: str) -> None:
    """What was still open when the attempt ended gets an end too: `phase` for what ran, `skipped` for the rest."""
    if phase not in PHASES:
        raise ValueError(phase)
    opened = RunStep.objects.filter(run=run, attempt=run.attempt)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE environments_runstep SET phase = %s, finished_at = clock_timestamp()"
            " WHERE run_id = %s AND attempt = %s AND phase = 'running'",
            [phase, run.pk, run.attempt],
        )
    opened.filter(phase="pending").update(phase="skipped")


def _clean(text: str) -> str:
    return text.replace("\0", "")
