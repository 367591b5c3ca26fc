"""The nightly sweep: what is older than the installation keeps it goes, a little at a time, and is told of once."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Sum

from environments.models import LogChunk, Run, ServiceLogChunk, Sweep
from environments.runs import clock
from projects import access, batches, events, names
from projects.models import Organization

logger = logging.getLogger(__name__)

# UTC; a sweep that was due while nothing ran is made up for.
HOUR = 3
# Of one round of the scheduler, which has leases to look after in between.
SECONDS = 1.0
RUNS, CHUNKS, EVENTS = 5, 500, 1000
SWEEPS_KEPT = 400


def sweep(*, now: datetime | None = None, seconds: float = SECONDS) -> Sweep | None:
    """Go on with the sweep that is due; None where none is. Called every few seconds by the scheduler."""
    current = _current(now or clock.now())
    if current is None:
        return None
    until = time.monotonic() + seconds
    for organization in Organization.objects.order_by("created_at", "id"):
        freed = Counter(current.freed.get(str(organization.pk), {}))
        finished = True
        for gone in _forgetting(organization, current.started_at):
            freed += gone
            if time.monotonic() > until:
                finished = False
                break
        if freed:
            current.freed[str(organization.pk)] = dict(freed)
        if not finished:
            current.save(update_fields=["freed"])
            return current
    current.finished_at = clock.now()
    current.save(update_fields=["freed", "finished_at"])
    for organization in Organization.objects.filter(pk__in=list(current.freed)):
        _tell(organization, current.freed[str(organization.pk)])
    old = Sweep.objects.order_by("-started_at").values("pk")[SWEEPS_KEPT:]
    Sweep.objects.filter(pk__in=list(old.values_list("pk", flat=True))).delete()
    logger.info("The nightly sweep is done; freed: %s", current.freed or "nothing")
    return current


def _current(now: datetime) -> Sweep | None:
    """The one that has not ended, or a new one where the last began before the last time that one was due."""
    last = Sweep.objects.order_by("-started_at", "-pk").first()
    if last is not None and last.finished_at is None:
        return last
    due = now.replace(hour=HOUR, minute=0, second=0, microsecond=0)
    due -= timedelta(days=1) if due > now else timedelta()
    return Sweep.objects.create(started_at=now) if last is None or last.started_at < due else None


def _forgetting(organization: Organization, now: datetime) -> Iterator[Counter[str]]:
    """What each bounded deletion freed, until nothing is left that is too old."""
    logs = now - timedelta(days=settings.TOWPATH_LOG_DAYS)
    chores: tuple[Callable[[], Counter[str]], ...] = (
        lambda: _run_logs(organization, logs),
        lambda: _service_logs(organization, logs),
        lambda: _events(organization),
    )
    for chore in chores:
        while gone := chore():
            yield gone


def _run_logs(organization: Organization, before: datetime) -> Counter[str]:
    """A run stays, with its steps and last lines; what it wrote goes."""
    rows = Run.objects.filter(organization=organization, log_size__gt=0, finished_at__lt=before)
    found = dict(rows.order_by("finished_at").values_list("pk", "log_size")[:RUNS])
    if not found:
        return Counter()
    batches.forget(LogChunk.objects.filter(run__in=list(found)))
    left = set(LogChunk.objects.filter(run__in=list(found)).values_list("run_id", flat=True))
    done = [pk for pk in found if pk not in left]
    Run.objects.filter(pk__in=done).update(log_size=0)
    return +Counter(runs=len(done), bytes=sum(found[pk] for pk in done))


def _service_logs(organization: Organization, before: datetime) -> Counter[str]:
    old = ServiceLogChunk.objects.filter(at__lt=before, environment__organization=organization)
    chosen = ServiceLogChunk.objects.filter(pk__in=list(old.order_by("at").values_list("pk", flat=True)[:CHUNKS]))
    size = chosen.aggregate(size=Sum("size"))["size"]
    gone, _ = chosen.delete()
    return +Counter(services=gone, bytes=size or 0)


def _events(organization: Organization) -> Counter[str]:
    """By a function of the database's owner: the application itself can take no event away."""
    with connection.cursor() as cursor:
        question = "SELECT towpath_forget_events(%s, %s, %s)"
        cursor.execute(question, [organization.pk, settings.TOWPATH_EVENT_DAYS, EVENTS])
        (gone,) = cursor.fetchone()
    return +Counter(events=gone)


@events.operation
def _tell(organization: Organization, freed: dict[str, int]) -> None:
    parts = {
        "runs": ("the log of 1 run", "the logs of {:,} runs"),
        "services": ("1 piece of what services wrote", "{:,} pieces of what services wrote"),
        "events": ("1 event", "{:,} events"),
    }
    told = [words[freed[name] > 1].format(freed[name]) for name, words in parts.items() if freed.get(name)]
    what = names.listed(told)
    events.record(
        "history.swept",
        by=access.system(organization),
        object={"kind": "organization", "id": organization.pk, "name": organization.name},
        freed=f"{what}: {freed['bytes'] / 1e6:,.1f} MB of text" if freed.get("bytes", 0) > 1e5 else what,
    )
