"""The point of no return: from here a run is carried forward only, and cannot be cancelled."""

import uuid

from django.db.models.functions import Coalesce

from environments.models import UNFINISHED, Host, Run, Worker
from environments.runs.clock import ClockTime
from environments.runs.lease import LeaseLost, alive
from projects.errors import Conflict


class CancelAsked(Conflict):
    code = "cancelled"


def seal(run_id: uuid.UUID, attempt: int, holder: Worker | str) -> None:
    """Seal the run for its holder: needs the lease, and nobody's wish to cancel. Sealing twice changes nothing."""
    mine = alive(run_id, attempt, holder)
    if mine.filter(cancel_asked_at__isnull=True).update(sealed_at=Coalesce("sealed_at", ClockTime())):
        return
    if mine.filter(cancel_asked_at__isnull=False).exists():
        raise CancelAsked("Somebody asked to cancel this run before the point of no return; stop what it started.")
    raise LeaseLost()


def break_open(host: Host) -> None:
    """Nothing of what ran on this host is there any more: no unfinished run is past its point of no return."""
    Run.objects.filter(host=host, phase__in=UNFINISHED, sealed_at__isnull=False).update(sealed_at=None)
