"""A worker's session: opened by registering, known by its credential, ended once."""

import json
import uuid
from typing import Any

from environments.models import Environment, Host, State, Worker
from environments.runs.clock import ClockTime
from environments.runs.lease import LEASE
from projects import access, events
from projects.access import Actor
from projects.authentication import NotAuthenticated
from projects.credentials import Secret, digest, new_token
from projects.errors import Conflict, Gone, Invalid

SUPERSEDED = "superseded"
TERMINATED = "the environment is terminated"


LARGEST = 16 * 1024  # of what a worker tells of itself, as JSON


class Superseded(Conflict):
    code = "superseded"


class Ended(Conflict):
    """The worker has left, and nobody's word brings it back: a process that still runs registers again."""

    code = "session-ended"

    def __init__(self, worker: Worker) -> None:
        super().__init__(f"This worker's session has ended ({worker.end_reason or 'disconnected'}); register again.")


class EnvironmentTerminated(Gone):
    code = "environment-terminated"


def actor_of(worker: Worker) -> Actor:
    """A worker as the one who acts; its rights are its session, not a role."""
    return Actor(f"worker:{worker.hostname}", worker.organization)


def open(
    environment: Environment,
    *,
    kind: str,
    hostname: str,
    version: str,
    host: Host | None,
    metadata: dict[str, Any],
) -> tuple[Worker, Secret]:
    """A new session in `environment`; the credential is shown this once and kept as a digest."""
    _check_size("worker_metadata", metadata)
    session = new_token("tps")
    worker = Worker.objects.create(
        organization_id=environment.organization_id,
        environment=environment,
        host=host,
        kind=kind,
        hostname=hostname[:255],
        version=version[:40],
        session_digest=digest(session.reveal()),
        metadata=metadata,
        lease_until=ClockTime() + LEASE,
        last_heartbeat_at=ClockTime(),
    )
    worker = Worker.objects.select_related("environment", "organization", "host").get(pk=worker.pk)
    record("worker.registered", worker, by=actor_of(worker), worker_kind=kind)
    return worker, session


def of(credential: str, *, ending: bool = False) -> Worker:
    """The worker behind a session.

    In an environment that is being terminated a session may only put its affairs in order, which a caller says by
    `ending`; everything else is refused as EnvironmentTerminated.
    """
    worker = (
        Worker.objects.select_related("environment", "organization", "host")
        .filter(session_digest=digest(credential))
        .first()
    )
    if worker is None:
        raise NotAuthenticated("This session is unknown; register again.")
    gone = worker.environment.state == State.TERMINATING or worker.environment.terminated_at
    if gone and (worker.ended_at or not ending):
        raise EnvironmentTerminated(f"The environment {worker.environment.name} is terminated: stop its services.")
    if worker.ended_at and worker.end_reason == SUPERSEDED:
        raise Superseded("Another process has taken this session's place; exit.")
    if worker.ended_at:
        raise NotAuthenticated(f"This session has ended ({worker.end_reason or 'disconnected'}); register again.")
    return worker


def beat(worker: Worker, **said: Any) -> None:
    """A sign of life: the lease is extended; one that had been lost is back."""
    fields = {name: value for name, value in said.items() if value is not None}
    for name, value in fields.items():
        _check_size(name, value)
    # It may end at this very moment, and what has ended neither lives nor returns.
    here = Worker.objects.filter(pk=worker.pk, ended_at=None)
    here.update(lease_until=ClockTime() + LEASE, last_heartbeat_at=ClockTime(), **fields)
    if worker.lost_at is not None and here.filter(lost_at__isnull=False).update(lost_at=None):
        record("worker.returned", worker, by=actor_of(worker))


def end(worker: Worker, *, reason: str, by: Actor) -> bool:
    """Close the session; False where it had ended before."""
    reason = reason[:200]
    ended = Worker.objects.filter(pk=worker.pk, ended_at=None).update(
        ended_at=ClockTime(), end_reason=reason, status="idle"
    )
    if ended:
        worker.refresh_from_db(fields=["ended_at", "end_reason"])
        record("worker.disconnected", worker, by=by, reason=reason)
    return bool(ended)


def end_all(environment: Environment, *, reason: str = TERMINATED, by: Actor) -> int:
    """Close every session of an environment: from now on its workers reach nothing."""
    open_ones = Worker.objects.filter(environment=environment, ended_at=None).select_related("organization")
    return sum(end(worker, reason=reason, by=by) for worker in open_ones)


def lost() -> list[uuid.UUID]:
    """Workers that were not heard of for the length of a lease, and not yet noted as lost."""
    silent = Worker.objects.filter(ended_at=None, lost_at=None, lease_until__lt=ClockTime())
    return list(silent.values_list("pk", flat=True)[:200])


def note_lost(worker_id: uuid.UUID) -> None:
    """Note one as lost, unless it was heard of meanwhile."""
    noted = Worker.objects.filter(pk=worker_id, ended_at=None, lost_at=None, lease_until__lt=ClockTime())
    if noted.update(lost_at=ClockTime()):
        worker = Worker.objects.select_related("organization", "environment").get(pk=worker_id)
        record("worker.lost", worker, by=access.system(worker.organization))


def alive(environment_ids: list[uuid.UUID]) -> dict[uuid.UUID, list[Worker]]:
    """The workers heard of within their lease, by environment."""
    found: dict[uuid.UUID, list[Worker]] = {one: [] for one in environment_ids}
    living = Worker.objects.filter(environment_id__in=environment_ids, ended_at=None, lease_until__gt=ClockTime())
    for worker in living.order_by("registered_at", "id"):
        found[worker.environment_id].append(worker)
    return found


def state_of(worker: Worker, *, busy: bool) -> str:
    """idle, busy, lost or disconnected."""
    if worker.ended_at:
        return "disconnected"
    if worker.lost_at:
        return "lost"
    return "busy" if busy else "idle"


def _check_size(name: str, value: Any) -> None:
    if isinstance(value, dict) and len(json.dumps(value)) > LARGEST:
        raise Invalid.field(name, f"at most {LARGEST // 1024} kB")


def record(kind: str, worker: Worker, *, by: Actor, **data: Any) -> None:
    events.record(
        kind,
        by=by,
        object={"kind": "worker", "id": worker.pk, "name": worker.hostname},
        environment_id=worker.environment_id,
        project_id=worker.environment.project_id,
        environment=worker.environment.title,
        **data,
    )
