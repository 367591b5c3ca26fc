"""The worker's own doors (docs/worker-protocol.md): claim, renew, report, log, seal, conclude; desired and observed."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router

from environments.api.schemas.working import (
    ClaimIn,
    ConclusionIn,
    LogChunkIn,
    ObservationsIn,
    RenewalsIn,
    ReportIn,
    Said,
    SealIn,
    ServiceLogsIn,
)
from environments.api.sessions import SessionAuth, worker_of
from environments.doing import assignments, conclusions, observing, service_logs
from environments.models import Phase, Run, Worker
from environments.runs import desires, logs, renew, seal, sessions, steps
from environments.runs.lease import LeaseLost
from projects import correlation, events
from projects.errors import NotFound

router = Router(tags=["worker protocol"])
WORKING, ENDING = SessionAuth(), SessionAuth(ending=True)


@router.post("/workers/me/claims", auth=WORKING)
def claim(request: HttpRequest, body: ClaimIn) -> dict[str, Any]:
    """The next run, or none after `wait` seconds. Parking is done by the live hub's own door, which stands before."""
    return assignments.take(worker_of(request), body.claim_key)


@router.post("/workers/me/renewals", auth=WORKING)
def renewals(request: HttpRequest, body: RenewalsIn) -> dict[str, Any]:
    """The heartbeat; 409 when every run it lists is lost."""
    worker = worker_of(request)
    told = _renew(worker, body)
    if told and not any(one.held for one in told):
        raise LeaseLost()
    return {
        "runs": [{"id": str(one.id), "attempt": one.attempt, "held": one.held, "cancel": one.cancel} for one in told],
        "desired_version": desires.version(worker.environment_id),
    }


@events.operation
def _renew(worker: Worker, body: RenewalsIn) -> list[renew.Renewal]:
    kept = {"resources": worker.system_info["resources"]} if "resources" in worker.system_info else {}
    # Runs before their worker, as where a run ends.
    told = renew.extend(worker, [(one.id, one.attempt) for one in body.runs])
    sessions.beat(worker, status=body.status, system_info=body.system_info | kept)
    return told


@router.post("/runs/{id}/reports", auth=ENDING)
def report(request: HttpRequest, id: UUID, body: ReportIn) -> dict[str, bool]:
    worker = worker_of(request)
    _own(worker, id)
    told = [
        steps.Report(n=said.n, name=said.name, phase=said.phase, detail=said.detail or "", exit_code=said.exit_code)
        for said in (body.before, body.step)
        if said
    ]
    return {"cancel": steps.report(id, body.attempt, worker, *told)}


@router.post("/runs/{id}/log-chunks", auth=ENDING)
def log_chunks(request: HttpRequest, id: UUID, body: LogChunkIn) -> dict[str, int | bool]:
    worker = worker_of(request)
    _own(worker, id)
    return {"next": logs.append(id, body.attempt, worker, body.offset, body.lines), "full": logs.is_full(id)}


@router.post("/runs/{id}/seal", auth=WORKING)
def seal_run(request: HttpRequest, id: UUID, body: SealIn) -> dict[str, bool]:
    worker = worker_of(request)
    _own(worker, id)
    seal.seal(id, body.attempt, worker)
    return {"sealed": True}


@router.post("/runs/{id}/conclusion", auth=ENDING)
def conclude(request: HttpRequest, id: UUID, body: ConclusionIn) -> dict[str, str]:
    worker = worker_of(request)
    _own(worker, id)
    conclusions.finish(id, body.attempt, worker, Phase(body.outcome), body.reason or "", body.last_lines)
    return {"phase": body.outcome}


@router.post("/workers/me/desired", auth=WORKING)
def desired(request: HttpRequest, body: Said | None = None) -> dict[str, Any]:
    return assignments.desired(worker_of(request))


@router.post("/workers/me/observations", auth=ENDING)
def observations(request: HttpRequest, body: ObservationsIn) -> dict[str, int]:
    return {"desired_version": observing.observe(worker_of(request), body.model_dump())}


@router.post("/workers/me/service-logs", auth=ENDING)
def take_in_service_logs(request: HttpRequest, body: ServiceLogsIn) -> dict[str, Any]:
    service_logs.take_in(worker_of(request), body.chunks)
    return {}


def _own(worker: Worker, run_id: UUID) -> None:
    """Another environment's run does not exist for this worker."""
    correlation.about_run(run_id)
    if not Run.objects.filter(pk=run_id, environment_id=worker.environment_id, carried_by="worker").exists():
        raise NotFound("There is no such run, or you may not see it.")
