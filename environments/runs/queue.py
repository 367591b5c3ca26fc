"""Runs enter the queue: the row is the queue."""

from typing import Any

from environments.models import WORKER_KINDS, Deployment, Environment, Host, Phase, Run, RunKind, Slot
from projects import bell, correlation
from projects.access import Actor
from projects.models import Agent, App, Artifact, Organization, Project, Workflow

# How often an attempt may be lost before the run is errored.
ATTEMPTS = {
    RunKind.PROVISION: 5,
    RunKind.START: 5,
    RunKind.STOP: 5,
    RunKind.TERMINATE: 5,
    RunKind.PREPARE: 5,
    RunKind.DEPLOY: 3,
    RunKind.FETCH: 3,
    RunKind.RESTART: 1,
    RunKind.WORKFLOW: 2,
    RunKind.AGENT: 1,
}


def enqueue(
    *,
    kind: RunKind | str,
    by: Actor,
    organization: Organization,
    environment: Environment | None = None,
    project: Project | None = None,
    app: App | None = None,
    deployment: Deployment | None = None,
    artifact: Artifact | None = None,
    workflow: Workflow | None = None,
    agent: Agent | None = None,
    inputs: dict[str, str] | None = None,
    service: str = "",
    after: Run | None = None,
    host: Host | None = None,
    timeout_seconds: int = 3600,
    specification: dict[str, Any] | None = None,
) -> Run:
    """Write a queued run and ring whoever can claim it. Runs of some kinds are carried by a worker."""
    kind = RunKind(kind)
    run = Run.objects.create(
        kind=kind,
        organization=organization,
        environment=environment,
        project=project or (app.project if app else None),
        app=app,
        deployment=deployment,
        artifact=artifact,
        workflow=workflow,
        agent=agent,
        inputs=inputs or {},
        service=service,
        after=after,
        host=host,
        carried_by=Run.CarriedBy.WORKER if kind in WORKER_KINDS else Run.CarriedBy.CONTROL,
        priority=environment.priority if environment else 5,
        max_attempts=ATTEMPTS[kind],
        timeout_seconds=timeout_seconds,
        specification=specification or {},
        traceparent=correlation.traceparent(),
        created_by=by.label,
    )
    run.refresh_from_db(fields=["number"])
    announce(run)
    return run


def requeue(run: Run) -> None:
    """Put a finished run back into the queue: the same run, a new attempt, nothing left of the old end."""
    if run.attempt:
        run.ends.setdefault(str(run.attempt), run.phase)
    run.phase = Phase.QUEUED
    run.max_attempts = run.attempt + ATTEMPTS[RunKind(run.kind)]
    run.claimant = run.claim_key = run.cancel_asked_by = run.reason = ""
    run.worker = None
    run.lease_until = run.cancel_asked_at = run.sealed_at = run.deadline_at = None
    run.started_at = run.finished_at = run.not_before = None
    run.last_lines = []
    run.traceparent = correlation.traceparent()
    if run.carried_by == Run.CarriedBy.WORKER and run.environment is not None:
        # Where the app lives now, which may be nowhere: the machine it failed on need not come back.
        placed = Slot.objects.filter(environment=run.environment, app=run.app).values_list("placement", flat=True)
        run.host_id = placed.first() or run.environment.host_id
    run.save()
    announce(run)


def let_go(run: Run) -> None:
    """A queued run whose host is gone: whoever claims it next may carry it out."""
    Run.objects.filter(pk=run.pk, phase=Phase.QUEUED).update(host=None)


def insist(run: Run) -> None:
    """What follows from this run, or the run itself where it terminates, goes on by force."""
    run.specification = {**run.specification, "force": True}
    Run.objects.filter(pk=run.pk).update(specification=run.specification)


def announce(run: Run) -> None:
    """Say after commit that there is more to claim: lost, it costs a few seconds."""
    if run.carried_by == Run.CarriedBy.WORKER and run.environment_id:
        bell.ring(bell.WORKERS, environment=run.environment_id)
