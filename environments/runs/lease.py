"""What a lease is: how long it lasts, who holds it, and the refusal of one who does not."""

import uuid
from datetime import timedelta

from django.db.models import QuerySet

from environments.models import Phase, Run, Worker
from environments.runs.clock import ClockTime
from projects.errors import Conflict

LEASE_SECONDS = 30
RENEW_SECONDS = 5
LEASE = timedelta(seconds=LEASE_SECONDS)


class LeaseLost(Conflict):
    """The attempt is not this holder's any more: whatever it reports is about the past."""

    code = "lease-lost"

    def __init__(self) -> None:
        super().__init__("This attempt is over: its lease ended, or a newer attempt has begun. Stop what it started.")


def claimant_of(holder: Worker | str) -> str:
    """The name a claim is made under: a worker's session, or what a control worker calls itself."""
    return f"worker:{holder.pk}" if isinstance(holder, Worker) else holder


def held(run_id: uuid.UUID, attempt: int, holder: Worker | str) -> QuerySet[Run]:
    """The run while `holder` carries out `attempt`, whether or not its lease has just run out."""
    return Run.objects.filter(pk=run_id, attempt=attempt, claimant=claimant_of(holder), phase=Phase.RUNNING)


def alive(run_id: uuid.UUID, attempt: int, holder: Worker | str) -> QuerySet[Run]:
    """The run while `holder` carries out `attempt` under a lease that has not run out."""
    return held(run_id, attempt, holder).filter(lease_until__gt=ClockTime())


def lock(run_id: uuid.UUID, attempt: int, holder: Worker | str) -> Run:
    """Lock the run for what its holder reports; LeaseLost where it is not the holder's any more."""
    run = alive(run_id, attempt, holder).select_for_update(no_key=True).first()
    if run is None:
        raise LeaseLost()
    return run
