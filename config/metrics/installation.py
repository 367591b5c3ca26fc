"""The installation as a whole, in the names and units that Prometheus wants; the rows are counted by `vitals`."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from config.version import version
from environments.vitals import Vitals


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What was found out for one scrape; None where nobody answered, or where there is no proxy."""

    vitals: Vitals | None
    database: bool
    broker: bool
    proxy: bool | None
    free_disk: float | None


class Installation(Collector):
    """One scrape's answer. What is not known is left out, so that it is absent rather than wrong."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen

    def collect(self) -> Iterator[Metric]:
        seen = self._seen
        yield gauge("towpath_info", "Always 1; which version this is.", ["version"], {(version(),): 1})
        up = {("database",): seen.database, ("broker",): seen.broker}
        if seen.proxy is not None:
            up["proxy",] = seen.proxy
        yield gauge("towpath_up", "Whether the server answers this process.", ["part"], up)
        if seen.free_disk is not None:
            told = "The share of the disk with TOWPATH_HOME that is free."
            yield gauge("towpath_disk_free_ratio", told, [], {(): seen.free_disk})
        if seen.vitals is not None:
            yield from of(seen.vitals)


def of(vitals: Vitals) -> Iterator[Metric]:
    yield gauge("towpath_environments", "Environments by state.", ["state"], single(vitals.environments))
    yield gauge("towpath_runs", "Runs that have not ended, by who carries them.", ["phase", "carried_by"], vitals.runs)
    yield gauge(
        "towpath_run_oldest_queued_age_seconds",
        "How long the oldest run waits that could be carried out now; 0 where none does.",
        ["carried_by"],
        single(vitals.oldest_queued),
    )
    yield gauge(
        "towpath_runs_ended_last_hour", "Runs that ended within the last hour.", ["kind", "phase"], vitals.ended_lately
    )
    yield gauge("towpath_workers", "Workers of environments that are registered.", ["status"], single(vitals.workers))
    yield gauge("towpath_slots", "What is live in environments, by its condition.", ["condition"], single(vitals.slots))
    yield gauge("towpath_holds", "Holds that nobody has lifted.", [], {(): vitals.holds})
    yield gauge(
        "towpath_host_lease_remaining_seconds",
        "How long the scheduler's last word on its host still counts; below 0 where it is not heard of.",
        ["host"],
        single(vitals.leases),
    )
    if vitals.scheduler_age is not None:
        told = "Since the scheduler last finished a round."
        yield gauge("towpath_scheduler_round_age_seconds", told, [], {(): vitals.scheduler_age})
    if vitals.control_age is not None:
        told = "Since a control worker last looked for work, or kept what it carries out."
        yield gauge("towpath_control_look_age_seconds", told, [], {(): vitals.control_age})
    events = CounterMetricFamily("towpath_events", "Events recorded, over all organizations.")
    events.add_metric([], vitals.events)
    yield events


def single(counts: Mapping[str, float]) -> dict[tuple[str, ...], float]:
    return {(name,): count for name, count in counts.items()}


def gauge(name: str, told: str, labels: Iterable[str], values: Mapping[Any, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, told, labels=list(labels))
    for named, value in values.items():
        family.add_metric(list(named), value)
    return family
