"""A queued run is claimed: one statement takes the best free row, and the attempt that begins gets a number."""

import uuid
from typing import Any

from django.db import connection, transaction

from environments.models import Phase, Run, Slot, Worker
from environments.runs.clock import ClockTime
from environments.runs.lease import LEASE, LEASE_SECONDS, alive, claimant_of
from projects import rows

# `before` is the run this one waits for. A cancelled wish in the queue is ended by whoever asked, or by the sweep.
_CLAIMABLE = """
    FROM environments_run r
    LEFT JOIN environments_environment e ON e.id = r.environment_id
    LEFT JOIN environments_run before ON before.id = r.after_id
    LEFT JOIN environments_slot s ON s.environment_id = r.environment_id AND s.app_id = r.app_id
    WHERE r.phase = 'queued' AND r.cancel_asked_at IS NULL
      AND (r.not_before IS NULL OR r.not_before <= clock_timestamp())
      AND (r.after_id IS NULL OR before.phase = 'succeeded')
"""
_OF_WORKERS = """
      AND r.carried_by = 'worker' AND r.environment_id = %(environment)s AND e.state = 'running'
      AND (r.host_id IS NULL OR r.host_id = %(host)s)
      AND (s.placement_id IS NULL OR s.placement_id = %(host)s)
"""
_OF_CONTROL = """
      AND r.carried_by = 'control' AND (%(run)s::uuid IS NULL OR r.id = %(run)s)
"""
# Who has no host leaves all that lives on one.
_WITHIN_REACH = " AND (r.host_id IS NULL OR r.host_id = %(host)s)"
_BEST_FIRST = " ORDER BY r.priority DESC, r.created_at, r.id LIMIT %(limit)s"
_TAKE = """
WITH chosen AS MATERIALIZED (
    SELECT r.id, s.id IS NOT NULL AND s.placement_id IS NULL AS unplaced {claimable}
    FOR NO KEY UPDATE OF r SKIP LOCKED
)
UPDATE environments_run r SET
    phase = 'running', attempt = r.attempt + 1, claimant = %(claimant)s, claim_key = %(key)s, worker_id = %(worker)s,
    host_id = coalesce(r.host_id, %(host)s), lease_until = clock_timestamp() + %(lease)s * interval '1 second',
    deadline_at = clock_timestamp() + r.timeout_seconds * interval '1 second',
    started_at = coalesce(r.started_at, clock_timestamp()), reason = ''
FROM chosen WHERE r.id = chosen.id
RETURNING r.id, chosen.unplaced
"""


class _SlotBusy(Exception):
    """Somebody holds the slot just now; a claim never waits (they may wait for the run)."""


def by_worker(worker: Worker, claim_key: str) -> Run | None:
    """The next run for this session, or the one that the same `claim_key` was answered with before."""
    try:
        with transaction.atomic():
            _one_by_one(worker)
            before = Run.objects.filter(worker=worker, claim_key=claim_key, phase=Phase.RUNNING)
            for run_id, attempt in before.values_list("pk", "attempt")[:1]:
                if alive(run_id, attempt, worker).update(lease_until=ClockTime() + LEASE):
                    return _told(run_id)
            taken = _take(
                _OF_WORKERS,
                environment=worker.environment_id,
                host=worker.host_id,
                claimant=claimant_of(worker),
                key=claim_key,
                worker=worker.pk,
            )
            if taken is None:
                return None
            run = _told(taken[0])
            if taken[1] and worker.host_id:
                _place(run, worker)
            return run
    except _SlotBusy:
        return None


def by_control(claimant: str, run_id: uuid.UUID | None = None, *, host_id: uuid.UUID | None = None) -> Run | None:
    """The next run the control plane carries itself, or that one run if it can be claimed now.

    `claimant` names one attempt's carrier (a process and thread); what lives on other hosts than `host_id` is left out.
    """
    with transaction.atomic():
        taken = _take(_OF_CONTROL + _WITHIN_REACH, run=run_id, host=host_id, claimant=claimant, key="", worker=None)
        return Run.objects.get(pk=taken[0]) if taken else None


def waiting_for_control(*, limit: int = 50) -> list[uuid.UUID]:
    """Ids of the runs `by_control` would find on whichever host, best first: what couriers are sent for again."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT r.id {_CLAIMABLE}{_OF_CONTROL}{_BEST_FIRST}", {"run": None, "limit": limit})
        return [row[0] for row in cursor.fetchall()]


def _take(whose: str, **values: Any) -> tuple[uuid.UUID, bool] | None:
    """The run taken, and whether its app has no host in its environment yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            _TAKE.format(claimable=_CLAIMABLE + whose + _BEST_FIRST), {"lease": LEASE_SECONDS, "limit": 1} | values
        )
        taken: tuple[uuid.UUID, bool] | None = cursor.fetchone()
        return taken


def _told(run_id: uuid.UUID) -> Run:
    """With all that its worker is told of a deployment, by one statement. What errands are about is read with them:
    each table more takes the database longer to plan than to read."""
    told = Run.objects.select_related("app__project", "environment", "host", "deployment__release__artifact")
    with rows.planned():
        return told.get(pk=run_id)


def _one_by_one(worker: Worker) -> None:
    """A session's claims come one after the other, so that a repeated request cannot take a second run.

    No row is locked for that: a claim holds nothing that somebody who holds a run could be waiting for.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"claim:{worker.pk}"])


def _place(run: Run, worker: Worker) -> None:
    """An app's first claim in an environment decides the host it lives on from then on."""
    unplaced = Slot.objects.filter(environment=run.environment, app=run.app, placement=None)
    if not unplaced.exists():
        return
    slot = unplaced.select_for_update(no_key=True, skip_locked=True).first()
    if slot is None:
        raise _SlotBusy
    Slot.objects.filter(pk=slot.pk).update(placement=worker.host_id)
