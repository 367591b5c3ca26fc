"""Workers join an environment, prove a restart, and leave; operators read the command that joins one."""

import shlex
import uuid
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from environments import joining, worker_tokens
from environments.doing import sweeping
from environments.models import LIFECYCLE_KINDS, Environment, Host, Run, State, Worker, WorkerToken
from environments.runs import sessions
from projects import access, events, scopes
from projects.access import Actor, Permission
from projects.credentials import Secret, digest
from projects.errors import Conflict, Invalid, NotFound

Kind = Worker.Kind


class NotReady(Conflict):
    """It cannot take workers yet; the same question may be asked again."""

    code = "provisioning"


@dataclass(frozen=True)
class Registration:
    worker: Worker
    session: Secret
    token: Secret


@events.operation
def register(
    environment: Environment,
    *,
    kind: str,
    hostname: str,
    version: str = "",
    previous_session: str = "",
    machine: joining.Machine | None = None,
    metadata: dict[str, Any] | None = None,
) -> Registration:
    """Open a session for one process. `previous_session` proves a restart: what that one held is given back at once."""
    previous = _previous(environment, previous_session)
    _check_ready(environment, kind=kind, returning=previous is not None)
    host = _host(environment, kind=kind, machine=machine)
    replaced = [previous] if previous else []
    if kind == Kind.BUILTIN:
        # There is one place for it: whoever comes later, placed by the control plane, takes it.
        replaced += [one for one in _open(environment).filter(kind=Kind.BUILTIN) if one not in replaced]
    sweeping.settle_runs_of(*replaced)
    for worker in replaced:
        sessions.end(worker, reason=sessions.SUPERSEDED, by=sessions.actor_of(worker))
    try:
        with transaction.atomic():
            worker, session = sessions.open(
                environment, kind=kind, hostname=hostname, version=version, host=host, metadata=metadata or {}
            )
    except IntegrityError:
        raise NotReady("Another process is registering for this place at the same moment; try again.") from None
    return Registration(worker, session, worker_tokens.give(environment, kind))


def of_token(credential: str) -> WorkerToken:
    """A worker token, which decides environment and kind; NotFound for one that is unknown or revoked."""
    whose = ("environment__organization", "environment__host", "environment__project")
    found = WorkerToken.objects.filter(digest=digest(credential), revoked_at=None).select_related(*whose).first()
    if found is None:
        raise NotFound("There is no environment for this worker token.")
    return found


@events.operation
def heartbeat(worker: Worker, **said: Any) -> None:
    """A sign of life; `said`: status, tasks_processed, metadata, system_info, where given. Ended for one that left."""
    if worker.ended_at is not None:
        raise sessions.Ended(worker)
    sessions.beat(worker, **said)


@events.operation
def disconnect(worker: Worker, *, by: Actor, reason: str = "", exit_code: int = 0, error_message: str = "") -> None:
    """The process has said goodbye: what it held is given back at once."""
    words = error_message or reason or "disconnected"
    sweeping.settle_runs_of(worker)
    sessions.end(worker, reason=f"{words} (exit code {exit_code})" if exit_code else words, by=by)


@events.operation
def command(environment: Environment, *, by: Actor, server: str) -> dict[str, Any]:
    """What to type on a machine so that a worker joins; it shows the token, so reading it is an event."""
    require_command(environment, by=by)
    token = read_token(environment, by=by).reveal()
    flags = {"token": token, "environment": environment.name, "server": settings.TOWPATH_PUBLIC_URL or server}
    words = ["towpath", "worker", "start", *(word for name, value in flags.items() for word in (f"--{name}", value))]
    last = Run.objects.filter(environment=environment, kind__in=LIFECYCLE_KINDS).order_by("-number")
    provision = last.filter(kind="provision").first()
    return {
        "command": shlex.join(words),
        "command_parts": {"binary": "towpath", "subcommand": "worker start", "flags": flags},
        "worker_token": token,
        "temporal_namespace": environment.namespace,
        "environment_name": environment.name,
        "namespace_status": joining.NAMESPACE_STATUS[State(environment.state)],
        "can_register": environment.state == State.RUNNING,
        "provisioning_workflow_id": str(provision.pk) if provision else None,
    }


def require_command(environment: Environment, *, by: Actor) -> None:
    """Whoever may read the command may also act for the environment's workers."""
    access.require(
        by,
        Permission.OPERATE,
        project_id=environment.project_id,
        environment_id=environment.pk,
        protected=environment.protected,
    )


@events.operation
def read_token(environment: Environment, *, by: Actor) -> Secret:
    """The worker token, unsealed for somebody whose right the caller has checked; an event says who."""
    token = worker_tokens.give(environment)
    events.record(
        "worker_token.read",
        by=by,
        object={"kind": "environment", "id": environment.pk, "name": environment.title},
        project_id=environment.project_id,
        environment_id=environment.pk,
    )
    return token


def visible(actor: Actor) -> QuerySet[Worker]:
    """Workers of the environments an actor sees, oldest first."""
    found = Worker.objects.filter(organization=actor.organization, environment__deleted_at=None)
    project = "environment__project"
    found = found.filter(scopes.rows(actor, project=project, environment="environment", lacking=(project,)))
    return found.select_related("environment", "organization", "host").order_by("registered_at", "id")


def find(actor: Actor, ident: str | uuid.UUID) -> Worker:
    try:
        return visible(actor).get(pk=uuid.UUID(str(ident)))
    except (ValueError, Worker.DoesNotExist):
        raise NotFound("There is no such worker.") from None


def _previous(environment: Environment, session: str) -> Worker | None:
    return _open(environment).filter(session_digest=digest(session)).first() if session else None


def _open(environment: Environment) -> QuerySet[Worker]:
    return Worker.objects.filter(environment=environment, ended_at=None).select_related("environment", "organization")


def _check_ready(environment: Environment, *, kind: str, returning: bool) -> None:
    state = State(environment.state)
    if state == State.TERMINATING or environment.deleted_at:
        raise sessions.EnvironmentTerminated(f"The environment {environment.name} is terminated.")
    expected = joining.PLACED if kind == Kind.BUILTIN else joining.RETURNING if returning else joining.NEWCOMERS
    if state not in expected:
        raise NotReady(f"{environment.title} is {state.label.lower()} and cannot take workers now; try again.")


def _host(environment: Environment, *, kind: str, machine: joining.Machine | None) -> Host | None:
    if kind == Kind.BUILTIN:
        if environment.provisioner == "external":
            raise Invalid.field("kind", f"{environment.title} has no place for a built-in worker; join it.")
        if environment.host is None:
            raise NotReady(f"{environment.title} has no place on this host yet; try again.")
        return environment.host
    return joining.recognise(environment, machine) if machine else None
