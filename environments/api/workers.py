"""REST: workers register, say that they live, and leave; people see them."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.conf import settings
from django.http import FileResponse, HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from ninja.security import HttpBearer
from pydantic import Field

from environments import joining, lifecycle, workers
from environments.api.sessions import SessionAuth, check_protocol, credential_of, worker_of
from environments.models import Deployment, Environment, Phase, Run, Worker
from environments.runs import sessions
from environments.runs.lease import LEASE_SECONDS, RENEW_SECONDS
from projects import access, artifacts, authentication, events, limits
from projects.errors import Invalid, NotFound
from projects.models import Artifact
from projects.rest.bodies import Body, actor, shown_once
from projects.rest.paging import Paging, page

router = Router(tags=["workers"])


class MachineIn(Body):
    id: UUID
    address: str = Field("127.0.0.1", max_length=200)
    endpoint_first: int = Field(0, ge=0, le=65535)
    endpoint_count: int = Field(0, ge=0, le=65535)


class RegistrationIn(Body):
    environment_name: str = Field(max_length=200)
    hostname: str = Field("", max_length=255)
    version: str = Field("", max_length=40)
    kind: Literal["builtin", "joined"] = "joined"
    previous_session: str | None = Field(None, max_length=200)
    host: MachineIn | None = None
    worker_metadata: dict[str, Any] = {}


class RegistrationOut(Schema):
    worker_id: UUID
    session: str
    environment_id: UUID
    environment_name: str
    temporal_namespace: str
    temporal_host: str
    organization_id: UUID
    control_plane_url: str
    worker_token: str
    lease_seconds: int
    renew_seconds: int


class WorkerOut(Schema):
    id: UUID
    environment_id: UUID
    hostname: str
    version: str
    kind: Literal["builtin", "joined"]
    state: Literal["idle", "busy", "lost", "disconnected"]
    load: int = Field(description="How many runs it carries out now.")
    current_run_id: UUID | None
    tasks_processed: int
    system_info: dict[str, Any]
    registered_at: datetime
    last_heartbeat_at: datetime


class HeartbeatIn(Body):
    worker_id: UUID | None = None
    environment_name: str | None = None
    status: Literal["idle", "busy", "active"] | None = None
    tasks_processed: int | None = Field(None, ge=0, lt=2**31)
    current_task_id: str | None = None
    worker_metadata: dict[str, Any] | None = None
    system_info: dict[str, Any] | None = None
    logs: list[Any] | None = None


class FarewellIn(Body):
    reason: str = ""
    exit_code: int = Field(0, ge=-(2**31), lt=2**31)
    error_message: str | None = None


class AnyCredential(HttpBearer):
    """A session or an access token; the operation looks closer."""

    def __init__(self, *prefixes: str) -> None:
        super().__init__()
        self.prefixes = prefixes

    def __call__(self, request: HttpRequest) -> str:
        credential = credential_of(request)
        if credential.startswith(self.prefixes):
            if credential.startswith("tps_"):
                SessionAuth(ending=True)(request)
            else:
                _recognise_token(request, credential)
            return credential
        if credential.startswith(("tpw_", "tps_")):
            raise NotFound("There is no such thing here, or you may not see it.")
        if getattr(request, "actor", None) is None:
            header = request.headers.get("Authorization", "")
            known = authentication.actor_of_bearer(header, address=request.META.get("REMOTE_ADDR", ""))
            setattr(request, "actor", known)  # noqa: B010
        return credential

    def authenticate(self, request: HttpRequest, token: str) -> str:
        return self(request)


@router.post("/workers/register", response=RegistrationOut, auth=AnyCredential("tpw_"))
@events.operation
def register(request: HttpRequest, response: HttpResponse, body: RegistrationIn) -> dict[str, Any]:
    """Open a session in the environment that the token decides; 409 `provisioning` where it cannot take workers yet."""
    environment, kind = _environment(request, body.environment_name), body.kind
    if not credential_of(request).startswith("tpw_"):
        kind = "joined"  # the built-in worker's place is the control plane's to give
        workers.require_command(environment, by=actor(request))
        workers.read_token(environment, by=actor(request))
    registration = workers.register(
        environment,
        kind=kind,
        hostname=body.hostname or "unknown",
        version=body.version,
        previous_session=body.previous_session or "",
        machine=_machine(body),
        metadata=body.worker_metadata,
    )
    shown_once(response)
    return {
        "worker_id": registration.worker.pk,
        "session": registration.session.reveal(),
        "environment_id": environment.pk,
        "environment_name": environment.name,
        "temporal_namespace": environment.namespace,
        "temporal_host": "",
        "organization_id": environment.organization_id,
        "control_plane_url": server_of(request),
        "worker_token": registration.token.reveal(),
        "lease_seconds": LEASE_SECONDS,
        "renew_seconds": RENEW_SECONDS,
    }


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


def server_of(request: HttpRequest) -> str:
    """Where workers reach this control plane: as configured, else as this request did."""
    return settings.TOWPATH_PUBLIC_URL or request.build_absolute_uri("/").rstrip("/")


def _recognise_token(request: HttpRequest, credential: str) -> None:
    """A worker token: it decides the environment, and its failures are counted like those of other credentials."""
    address = f"bearer:{request.META.get('REMOTE_ADDR', '')}"
    limits.check(address, most=authentication.BEARERS, seconds=authentication.WINDOW)
    check_protocol(request)
    try:
        environment = workers.of_token(credential)
    except NotFound:
        limits.count(address, seconds=authentication.WINDOW)
        raise
    setattr(request, "environment", environment)  # noqa: B010
    setattr(request, "actor", access.Actor(f"worker-token:{environment.name}", environment.organization))  # noqa: B010


def _environment(request: HttpRequest, name: str) -> Environment:
    decided: Environment | None = getattr(request, "environment", None)
    if decided is None:
        return lifecycle.find(actor(request), name)
    # The built-in worker names the id, which a renaming leaves alone.
    if name.strip().lower() not in {decided.name.lower(), str(decided.id)}:
        raise NotFound("This worker token is for another environment.")
    return decided


def _machine(body: RegistrationIn) -> joining.Machine | None:
    return joining.Machine(name=body.hostname or str(body.host.id), **body.host.model_dump()) if body.host else None


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
