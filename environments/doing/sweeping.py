"""What nobody reports: leases that ran out, workers that fell silent, measurements that grew old."""

import logging
import uuid
from collections.abc import Callable, Iterable
from datetime import timedelta

from django.db.models.functions import Now

from environments.doing import conclusions
from environments.models import UNFINISHED, Run, Sample, Worker
from environments.runs import expire, sessions
from projects import events

logger = logging.getLogger(__name__)

SAMPLES_KEPT = timedelta(hours=24)


def sweep() -> None:
    """Repair by looking at the rows; called every few seconds by the scheduler, by any number of them."""
    each(expire.due(), conclusions.settle)
    each(sessions.lost(), _note_lost)


def settle_runs_of(*workers: Worker) -> None:
    """The workers' processes are gone for certain: their runs need not wait for their leases."""
    theirs = list(Run.objects.filter(worker__in=workers, phase__in=UNFINISHED).values_list("pk", flat=True))
    # All at first: one after the other, the second one's slot would be locked after the first one's environment.
    conclusions.lock(theirs)
    for run_id in theirs:
        conclusions.settle(run_id, lost=True)


def prune() -> None:
    """Forget old measurements; called every minute or so."""
    Sample.objects.filter(at__lt=Now() - SAMPLES_KEPT).delete()


@events.operation
def _note_lost(worker_id: uuid.UUID) -> None:
    sessions.note_lost(worker_id)


def each(ids: Iterable[uuid.UUID], act: Callable[[uuid.UUID], object]) -> None:
    """One that cannot be settled must not keep the others waiting."""
    for one in ids:
        try:
            act(one)
        except Exception:
            logger.exception("%s could not be swept; it is tried again", one)
