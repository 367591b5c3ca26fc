"""REST: workers say that they live, and leave; people see them; artifacts are handed to those who deploy them."""

from typing import Any
from uuid import UUID

from django.http import FileResponse, HttpRequest
from ninja import Query, Router

from environments import lifecycle, workers
from environments.api.schemas.workers import FarewellIn, HeartbeatIn, WorkerOut
from environments.api.sessions import AnyCredential, credential_of, worker_of
from environments.models import Deployment, Phase, Run, Worker
from environments.runs import sessions
from projects import artifacts
from projects.errors import Invalid, NotFound
from projects.models import Artifact
from projects.rest.bodies import actor
from projects.rest.paging import Paging, page

router = Router(tags=["workers"])


@router.post("/workers/heartbeat", response=WorkerOut, auth=AnyCredential("tps_"))
def heartbeat(request: HttpRequest, body: HeartbeatIn) -> dict[str, Any]:
    """The session's own worker, or the one that `worker_id` names."""
    return _beat(request, body, body.worker_id)


@router.post("/workers/{id}/heartbeat", response=WorkerOut, auth=AnyCredential("tps_"))
def heartbeat_of(request: HttpRequest, id: UUID, body: HeartbeatIn) -> dict[str, Any]:
    return _beat(request, body, id)


@router.post("/workers/{id}/disconnect", response=WorkerOut, auth=AnyCredential("tps_"))
def disconnect(request: HttpRequest, id: UUID, body: FarewellIn) -> dict[str, Any]:
    """What it held is given back to the queue at once."""
    worker = _named(request, id)
    workers.disconnect(
        worker,
        by=actor(request),
        reason=body.reason,
        exit_code=body.exit_code,
        error_message=body.error_message or "",
    )
    return shapes([_fresh(worker)])[0]


@router.get("/workers", response=list[WorkerOut])
def list_workers(
    request: HttpRequest, paging: Query[Paging], environment: str = "", ended: bool = False
) -> list[dict[str, Any]]:
    """Those that are here or were lost; with `ended` also those that have left."""
    by = actor(request)
    rows = workers.visible(by)
    if environment:
        rows = rows.filter(environment=lifecycle.find(by, environment))
    if not ended:
        rows = rows.filter(ended_at=None)
    return shapes(page(request, rows, paging, at="registered_at"))


@router.get("/workers/{id}", response=WorkerOut)
def get_worker(request: HttpRequest, id: UUID) -> dict[str, Any]:
    return shapes([workers.find(actor(request), id)])[0]


@router.get("/artifacts/{id}/content", auth=AnyCredential("tps_"), response={200: bytes})
def artifact_content(request: HttpRequest, id: UUID) -> Any:
    """The archive itself, for whoever sees its app, and for a worker of an environment it was deployed to."""
    if credential_of(request).startswith("tps_"):
        artifact = _deployed_here(worker_of(request), id)
    else:
        artifact = artifacts.find(actor(request), id)
    file = artifacts.path(artifact).open("rb")
    response = FileResponse(file, as_attachment=True, filename=artifact.filename or "artifact")
    response.headers["Content-Type"] = "application/octet-stream"
    response.headers["Cache-Control"] = "private, no-store"
    return response


def shapes(rows: list[Worker]) -> list[dict[str, Any]]:
    """One further statement for what all of them carry out."""
    running: dict[UUID, list[UUID]] = {}
    held = Run.objects.filter(worker__in=rows, phase=Phase.RUNNING).order_by("started_at", "id")
    for run_id, worker_id in held.values_list("pk", "worker_id"):
        running.setdefault(worker_id, []).append(run_id)
    plain = [name for name in WorkerOut.model_fields if name not in {"state", "load", "current_run_id"}]
    return [
        {
            **{name: getattr(row, name) for name in plain},
            "state": sessions.state_of(row, busy=bool(running.get(row.pk))),
            "load": len(running.get(row.pk, [])),
            "current_run_id": next(iter(running.get(row.pk, [])), None),
        }
        for row in rows
    ]


def _beat(request: HttpRequest, body: HeartbeatIn, worker_id: UUID | None) -> dict[str, Any]:
    worker = _named(request, worker_id)
    if (body.environment_name or "").lower() not in {"", worker.environment.name.lower(), str(worker.environment_id)}:
        raise NotFound("This worker is in another environment.")
    workers.heartbeat(
        worker,
        status="busy" if body.status == "active" else body.status,
        tasks_processed=body.tasks_processed,
        metadata=body.worker_metadata,
        system_info=body.system_info,
    )
    return shapes([_fresh(worker)])[0]


def _named(request: HttpRequest, worker_id: UUID | None) -> Worker:
    """The session's own worker, or for a person with the right in its environment the one they name."""
    own: Worker | None = getattr(request, "worker", None)
    if own is not None:
        if worker_id not in (None, own.pk):
            raise NotFound("There is no such worker.")
        return own
    if worker_id is None:
        raise Invalid.field("worker_id", "is required with an access token")
    worker = workers.find(actor(request), worker_id)
    workers.require_command(worker.environment, by=actor(request))
    return worker


def _fresh(worker: Worker) -> Worker:
    return Worker.objects.get(pk=worker.pk)


def _deployed_here(worker: Worker, artifact_id: UUID) -> Artifact:
    artifact = Artifact.objects.filter(pk=artifact_id, organization=worker.organization).first()
    deployed = Deployment.objects.filter(environment=worker.environment_id, release__artifact=artifact_id)
    if artifact is None or not deployed.exists():
        raise NotFound("There is no such artifact.")
    return artifact
