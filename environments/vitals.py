"""What somebody who is woken at night wants to know of the whole installation, in a constant number of statements."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Case, Count, Exists, Min, OuterRef, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Greatest

from environments import heartbeats
from environments.models import (
    UNFINISHED,
    DeploymentKind,
    Environment,
    Heartbeat,
    Hold,
    Host,
    Phase,
    Run,
    RunKind,
    Slot,
    State,
    Worker,
)
from environments.runs import clock
from environments.runs.clock import ClockTime
from projects.models import EventCounter

LATELY = timedelta(hours=1)
ENDED = tuple(phase for phase in Phase if phase not in UNFINISHED)
ALIVE, LOST = "alive", "lost"


@dataclass(frozen=True, kw_only=True)
class Vitals:
    """Counts of the whole installation, over all its organizations. Ages and what is left of leases in seconds."""

    environments: dict[str, int]
    runs: dict[tuple[str, str], int]
    oldest_queued: dict[str, float]
    ended_lately: dict[tuple[str, str], int]
    workers: dict[str, int]
    slots: dict[str, int]
    holds: int
    leases: dict[str, float]
    scheduler_age: float | None
    control_age: float | None
    events: int


def read() -> Vitals:
    """Eleven statements, however much there is."""
    now = clock.now()
    runs, oldest = _runs(now)
    ages = heartbeats.ages()
    return Vitals(
        environments=_environments(),
        runs=runs,
        oldest_queued=oldest,
        ended_lately=_ended_lately(),
        workers=_workers(),
        slots=_slots(),
        holds=Hold.objects.filter(lifted_at=None, slot__environment__terminated_at=None).count(),
        leases=_leases(now),
        scheduler_age=ages.get(Heartbeat.Name.SCHEDULER),
        control_age=ages.get(Heartbeat.Name.CONTROL),
        events=EventCounter.objects.aggregate(all=Sum("last"))["all"] or 0,
    )


def scheduler_age() -> float | None:
    """Seconds since the scheduler last finished a round; None where it never did."""
    return heartbeats.ages().get(Heartbeat.Name.SCHEDULER)


def control_age() -> float | None:
    """Seconds since a control worker last looked for work or kept what it carries; None where none ever did."""
    return heartbeats.ages().get(Heartbeat.Name.CONTROL)


def waiting_for_control() -> float:
    """For how many seconds the oldest run that a control worker could carry out has been waiting for one."""
    waiting = _waiting(Run.objects.filter(phase=Phase.QUEUED, carried_by=Run.CarriedBy.CONTROL))
    since = waiting.aggregate(first=Min("since"))["first"]
    return max(0.0, (clock.now() - since).total_seconds()) if since else 0.0


# Neither put off nor behind another run: nothing is missing but somebody who takes it.
_TAKEABLE = (
    Q(phase=Phase.QUEUED)
    & (Q(not_before=None) | Q(not_before__lte=ClockTime()))
    & (Q(after=None) | Q(after__phase=Phase.SUCCEEDED))
)


def _since(rows: QuerySet[Run]) -> QuerySet[Run]:
    """One that was put off, or sent back by a lost attempt, waits since then; the database passes over what is NULL."""
    return rows.annotate(since=Greatest("created_at", "not_before", "after__finished_at"))


def _waiting(rows: QuerySet[Run]) -> QuerySet[Run]:
    return _since(rows).filter(_TAKEABLE)


def _environments() -> dict[str, int]:
    rows = Environment.objects.filter(terminated_at=None).values_list("state").annotate(count=Count("pk"))
    return dict.fromkeys(map(str, State), 0) | dict(rows.order_by())


def _runs(now: datetime) -> tuple[dict[tuple[str, str], int], dict[str, float]]:
    counts = {(str(phase), str(who)): 0 for phase in UNFINISHED for who in Run.CarriedBy}
    oldest = {str(who): 0.0 for who in Run.CarriedBy}
    # Two questions, so that each is answered from the small index of its phase however long the history grows.
    for phase in UNFINISHED:
        rows = _since(Run.objects.filter(phase=phase)).values_list("carried_by").order_by()
        for who, count, since in rows.annotate(count=Count("pk"), first=Min("since", filter=_TAKEABLE)):
            counts[str(phase), who] = count
            if since:
                oldest[who] = max(0.0, (now - since).total_seconds())
    return counts, oldest


def _ended_lately() -> dict[tuple[str, str], int]:
    counts = {(str(kind), str(phase)): 0 for kind in RunKind for phase in ENDED}
    rows = Run.objects.filter(finished_at__gt=ClockTime() - LATELY).values_list("kind", "phase").order_by()
    for kind, phase, count in rows.annotate(count=Count("pk")):
        counts[kind, phase] = count
    return counts


def _workers() -> dict[str, int]:
    here = Case(When(lease_until__gt=ClockTime(), then=Value(ALIVE)), default=Value(LOST))
    open_ones = Worker.objects.filter(ended_at=None, environment__terminated_at=None)
    rows = open_ones.annotate(here=here).values_list("here").annotate(count=Count("pk"))
    return {ALIVE: 0, LOST: 0} | dict(rows.order_by())


def _slots() -> dict[str, int]:
    """Of what is live somewhere."""
    live = Slot.objects.filter(live__isnull=False, environment__terminated_at=None)
    rows = live.exclude(live__kind=DeploymentKind.REMOVAL).values_list("condition").annotate(count=Count("pk"))
    return dict.fromkeys(map(str, Slot.Condition), 0) | dict(rows.order_by())


def _leases(now: datetime) -> dict[str, float]:
    """By the host's name; below 0 where it is not heard of. One on which nothing lives any more is forgotten."""
    lives_there = Exists(Environment.objects.filter(host=OuterRef("pk"), terminated_at=None))
    rows = Host.objects.filter(lives_there | Q(lease_until__gt=now - LATELY), lease_until__isnull=False)
    return {
        name: (until - now).total_seconds()
        for name, until in rows.values_list("name", "lease_until")
        if until is not None
    }
