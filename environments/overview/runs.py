"""A run's page: facts, attempts, steps and the log of one attempt."""

import uuid
from typing import Any

from environments.models import (
    LIFECYCLE_KINDS,
    UNFINISHED,
    Environment,
    LogChunk,
    Phase,
    Run,
    RunKind,
    RunStep,
)
from environments.runs import steps as reports
from projects import access
from projects.access import Actor, Permission
from projects.errors import NotFound
from projects.models import Artifact

LINES = 1000


def find(actor: Actor, ident: uuid.UUID) -> Run:
    """The run, if the actor may see its environment and project; NotFound otherwise."""
    run = (
        Run.objects.filter(organization=actor.organization, pk=ident)
        .select_related(
            "environment",
            "app",
            "project",
            "deployment__release",
            "deployment__previous_release",
            "worker",
            "artifact",
        )
        .first()
    )
    if run is None or not actor.sees(project_id=project_of(run), environment_id=run.environment_id):
        raise NotFound("There is no such run, or you may not see it.")
    return run


def project_of(run: Run) -> uuid.UUID | None:
    if run.app:
        return run.app.project_id
    return run.project_id or (run.environment.project_id if run.environment else None)


def page(run: Run, actor: Actor, *, attempt: int | None = None, q: str = "") -> dict[str, Any]:
    shown = attempt or run.attempt
    found = facts(run, actor) | steps(run, attempt=shown) | log(run, attempt=shown, q=q)
    return found | {"attempt_chosen": attempt is not None}


def facts(run: Run, actor: Actor) -> dict[str, Any]:
    may = _may(run, actor)
    unfinished = run.phase in UNFINISHED
    why = _why_not_again(run)
    return {
        "run": run,
        "title": title(run),
        "can_cancel": may and unfinished and run.sealed_at is None and run.cancel_asked_at is None,
        "can_retry": may and not why,
        "retry_why": why,
        "cancelling": unfinished and run.cancel_asked_at is not None,
        "may": may,
        "announce": "" if unfinished else f"Run {run.number}, {title(run)}: {run.get_phase_display()}",
    }


RETRIED = (*LIFECYCLE_KINDS, RunKind.DEPLOY, RunKind.RESTART, RunKind.FETCH)


def _why_not_again(run: Run) -> str:
    if run.phase in UNFINISHED:
        return "Available when the run ends"
    if run.phase == Phase.SUCCEEDED:
        return "This run succeeded; there is nothing to retry"
    if run.kind not in RETRIED:
        return "It is not retried by itself; ask again for what it was done for"
    if run.kind == RunKind.FETCH and run.artifact and run.artifact.status != Artifact.Status.FAILED:
        return "Its source is there; nothing is fetched again"
    once = reports.begun_once(run)
    return f"Its step {once.name} must not be repeated; plan a new deployment" if once else ""


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
    return f"{run.get_kind_display()} {where}"


def steps(run: Run, *, attempt: int) -> dict[str, Any]:
    """The chosen attempt's steps, and each attempt with where it ended."""
    every = list(RunStep.objects.filter(run=run))
    chosen = [step for step in every if step.attempt == attempt]
    broken = {step.attempt: step.name for step in every if step.phase == "failed"}
    attempts = [
        {
            "n": n,
            "current": n == attempt,
            "query": f"?attempt={n}" if n < run.attempt else "?",
            "note": run.phase if n == run.attempt else f"ended at {broken[n]}" if n in broken else "lost",
        }
        for n in range(run.attempt, 0, -1)
    ]
    return {
        "run": run,
        "attempt": attempt,
        "attempts": attempts,
        "steps": chosen,
        "steps_done": sum(step.phase == "succeeded" for step in chosen),
        "steps_moving": run.phase == Phase.RUNNING and attempt == run.attempt,
    }


def log(run: Run, *, attempt: int, q: str = "") -> dict[str, Any]:
    """The last lines of the attempt's log, numbered from 1; with `q` those that contain it."""
    chunks = LogChunk.objects.filter(run=run, attempt=attempt).order_by("-offset")
    total = next((chunk.offset + chunk.count for chunk in chunks[:1]), 0)
    lines: list[dict[str, Any]] = []
    for chunk in chunks.iterator(chunk_size=50):
        numbered = [line | {"n": chunk.offset + index + 1} for index, line in enumerate(chunk.lines)]
        lines[:0] = [line for line in numbered if q.lower() in line["text"].lower()]
        if len(lines) >= LINES:
            break
    return {"attempt": attempt, "q": q, "lines": lines[-LINES:], "line_count": total}


def _may(run: Run, actor: Actor) -> bool:
    environment: Environment | None = run.environment
    permission = Permission.DEPLOY if run.app_id else Permission.OPERATE
    if run.kind == RunKind.FETCH:
        permission = Permission.RELEASE
    return access.allows(
        actor,
        permission,
        project_id=project_of(run),
        environment_id=run.environment_id,
        protected=bool(environment and environment.protected),
    )
