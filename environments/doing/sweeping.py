"""What nobody reports: leases that ran out, workers that fell silent, measurements that grew old."""

import logging
import uuid
from collections.abc import Callable, Iterable
from datetime import timedelta

from django.conf import settings
from django.db import connection

from environments.doing import conclusions
from environments.models import UNFINISHED, Run, Worker
from environments.runs import expire, sessions
from projects import correlation, events

logger = logging.getLogger(__name__)

PLANS_KEPT = timedelta(days=7)
# In a minute: more than a thousand environments measure, and no statement that anybody waits for.
MOST_FORGOTTEN = 10_000
_OLD_SAMPLES = """
DELETE FROM environments_sample WHERE id IN (
    SELECT id FROM environments_sample WHERE at < now() - %s * interval '1 second' ORDER BY at LIMIT %s
)
"""
_OLD_PLANS = """
DELETE FROM environments_plan WHERE id IN (
    SELECT id FROM environments_plan plan WHERE expires_at < now() - %s * interval '1 second'
    AND NOT EXISTS (SELECT FROM environments_deployment WHERE plan_id = plan.id) ORDER BY expires_at LIMIT %s
)
"""


def sweep() -> None:
    """Repair by looking at the rows; called every few seconds by the scheduler, by any number of them."""
    each(expire.due(), _settle)
    each(sessions.lost(), _note_lost)


def settle_runs_of(*workers: Worker) -> None:
    """The workers' processes are gone for certain: their runs need not wait for their leases."""
    theirs = list(Run.objects.filter(worker__in=workers, phase__in=UNFINISHED).values_list("pk", flat=True))
    # All at first: one after the other, the second one's slot would be locked after the first one's environment.
    conclusions.lock(theirs)
    for run_id in theirs:
        conclusions.settle(run_id, lost=True)


def prune() -> None:
    """Forget old measurements and plans that nobody carried out; called every minute or so.

    Past the ORM, which would read each plan with all that it says before it deletes it.
    """
    samples_kept = timedelta(days=settings.TOWPATH_SAMPLE_DAYS)
    with connection.cursor() as cursor:
        cursor.execute(_OLD_SAMPLES, [samples_kept.total_seconds(), MOST_FORGOTTEN])
        cursor.execute(_OLD_PLANS, [PLANS_KEPT.total_seconds(), MOST_FORGOTTEN])


def _settle(run_id: uuid.UUID) -> None:
    with correlation.work(run=run_id, actor="system"):
        try:
            conclusions.settle(run_id)
        except Exception:
            logger.exception("The run could not be settled; it is tried again")


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
