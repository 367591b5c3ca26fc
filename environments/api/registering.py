"""REST: a process becomes a worker of the environment that its token decides."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema
from pydantic import Field

from environments import joining, lifecycle, workers
from environments.api.sessions import AnyCredential
from environments.models import Environment, Worker, WorkerToken
from environments.runs.lease import LEASE_SECONDS, RENEW_SECONDS
from projects import events
from projects.errors import NotFound
from projects.rest.bodies import Body, actor, shown_once

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


@router.post("/workers/register", response=RegistrationOut, auth=AnyCredential("tpw_"))
@events.operation
def register(request: HttpRequest, response: HttpResponse, body: RegistrationIn) -> dict[str, Any]:
    """Open a session in the environment, and of the kind, that the token decides; 409 `provisioning`: not yet."""
    token: WorkerToken | None = getattr(request, "worker_token", None)
    environment = _environment(request, token, body.environment_name)
    if token is None:
        workers.require_command(environment, by=actor(request))
        workers.read_token(environment, by=actor(request))
    registration = workers.register(
        environment,
        kind=token.kind if token else Worker.Kind.JOINED,
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


def server_of(request: HttpRequest) -> str:
    """Where workers reach this control plane: as configured, else as this request did."""
    return settings.TOWPATH_PUBLIC_URL or request.build_absolute_uri("/").rstrip("/")


def _environment(request: HttpRequest, token: WorkerToken | None, name: str) -> Environment:
    if token is None:
        return lifecycle.find(actor(request), name)
    decided = token.environment
    # The built-in worker names the id, which a renaming leaves alone.
    if name.strip().lower() not in {decided.name.lower(), str(decided.id)}:
        raise NotFound("This worker token is for another environment.")
    return decided


def _machine(body: RegistrationIn) -> joining.Machine | None:
    return joining.Machine(name=body.hostname or str(body.host.id), **body.host.model_dump()) if body.host else None
