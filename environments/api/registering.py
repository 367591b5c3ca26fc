"""REST: a process becomes a worker of the environment that its token decides."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from ninja import Router

from environments import joining, lifecycle, workers
from environments.api.schemas.registering import RegistrationIn, RegistrationOut
from environments.api.sessions import AnyCredential
from environments.models import Environment, Worker, WorkerToken
from environments.runs.lease import LEASE_SECONDS, RENEW_SECONDS
from projects import events
from projects.errors import NotFound
from projects.rest.bodies import actor, shown_once

router = Router(tags=["workers"])


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
