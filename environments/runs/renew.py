"""A holder says that it is still at work: leases are extended, and it learns what it should give up."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q

from environments.models import Run, Worker
from environments.runs.clock import ClockTime
from environments.runs.lease import LEASE, alive


@dataclass(frozen=True)
class Renewal:
    """`cancel`: somebody asked to stop, and the point of no return has not been passed."""

    id: uuid.UUID
    attempt: int
    held: bool
    cancel: bool


def extend(holder: Worker | str, runs: Iterable[tuple[uuid.UUID, int]]) -> list[Renewal]:
    """Extend the leases of exactly these attempts, and of no other run this holder may have."""
    wanted = sorted(set(runs))
    renewals = []
    for run_id, attempt in wanted:
        extended = alive(run_id, attempt, holder).update(lease_until=ClockTime() + LEASE)
        renewals.append(Renewal(run_id, attempt, bool(extended), False))
    asked = _cancel_asked(one.id for one in renewals if one.held)
    return [Renewal(one.id, one.attempt, one.held, one.id in asked) for one in renewals]


def _cancel_asked(run_ids: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    ids = list(run_ids)
    if not ids:
        return set()
    asked = Q(pk__in=ids, cancel_asked_at__isnull=False, sealed_at__isnull=True)
    return set(Run.objects.filter(asked).values_list("pk", flat=True))
