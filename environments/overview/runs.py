"""A run's page: facts, attempts, steps and the log of one attempt."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from environments.models import ERRAND_KINDS, UNFINISHED, Phase, Run, RunStep
from environments.runs import logs

LINES = 1000


def page(run: Run, *, attempt: int | None = None, q: str = "") -> dict[str, Any]:
    shown = attempt or run.attempt
    found = facts(run) | steps(run, attempt=shown) | log(run, attempt=shown, q=q)
    return found | {"attempt_chosen": attempt is not None}


def facts(run: Run) -> dict[str, Any]:
    unfinished = run.phase in UNFINISHED
    return {
        "run": run,
        "title": title(run),
        "cancelling": unfinished and run.cancel_asked_at is not None,
        "announce": "" if unfinished else f"Run {run.number}, {title(run)}: {run.get_phase_display()}",
    }


def title(run: Run) -> str:
    """`Promote ledger 2.31.0 to Production`, `Provision Development`."""
    where = run.environment.title if run.environment else ""
    if run.deployment and run.app:
        version = run.deployment.release.version if run.deployment.release else ""
        return {
            "promotion": f"Promote {run.app.name} {version} to {where}",
            "rollback": f"Roll back {run.app.name} to {version} in {where}",
            "redeploy": f"Redeploy {run.app.name} {version} in {where}",
            "removal": f"Remove {run.app.name} from {where}",
        }.get(run.deployment.kind, f"Deploy {run.app.name} {version} to {where}")
    if run.kind == "restart" and run.app:
        return f"Restart {run.app.name} / {run.service} in {where}"
    if run.kind == "fetch" and run.app:
        return f"Fetch the source of {run.app.name}"
    if run.kind in ERRAND_KINDS:
        return f"Run {run.specification['name']} in {where}"
    return f"{run.get_kind_display()} {where}"


def steps(run: Run, *, attempt: int) -> dict[str, Any]:
    """The chosen attempt's steps, and each attempt with where it ended."""
    every = list(RunStep.objects.filter(run=run))
    chosen = [step for step in every if step.attempt == attempt]
    broken = {step.attempt: step.name for step in every if step.phase == "failed"}
    attempts = [
        {"n": n, "current": n == attempt, "newest": n == run.attempt, "note": _end(run, n, broken)}
        for n in range(run.attempt, 0, -1)
    ]
    return {
        "run": run,
        "attempt": attempt,
        "attempts": attempts,
        "steps": chosen,
        "steps_done": sum(step.phase == "succeeded" for step in chosen),
        "steps_moving": run.phase == Phase.RUNNING and attempt == run.attempt,
        "complete": attempt < run.attempt or run.phase not in UNFINISHED,
    }


def _end(run: Run, attempt: int, broken: dict[int, str]) -> str:
    """How an attempt stands. One that was given up and waits for the next is over, though its run is queued."""
    end = run.ends.get(str(attempt), run.phase if attempt == run.attempt else "")
    if attempt in broken and end in ("", Phase.FAILED) and attempt < run.attempt:
        return f"ended at {broken[attempt]}"
    return end or "over"


def _is_old(run: Run) -> bool:
    """Whether it ended before the time for which logs are kept."""
    return run.finished_at is not None and timezone.now() - run.finished_at > timedelta(days=settings.TOWPATH_LOG_DAYS)


def log(run: Run, *, attempt: int, q: str = "") -> dict[str, Any]:
    """The last lines of the attempt's log, numbered from 1; with `q` those that contain it."""
    total = logs.end(run.id, attempt)
    found = logs.find(run, attempt, q, limit=LINES) if q else logs.read(run, attempt, max(0, total - LINES), LINES)
    return {
        "attempt": attempt,
        "q": q,
        "lines": [{**line, "n": line["n"] + 1} for line in found],
        "line_count": total,
        "log_days": settings.TOWPATH_LOG_DAYS if _is_old(run) else 0,
    }
