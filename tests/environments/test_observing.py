"""What workers see: conditions, drift, measurements and services' output."""

import json
import uuid
from typing import Any

import pytest
import redis
from django.db import connection
from django.test.utils import CaptureQueriesContext

from environments import lifecycle, workers
from environments.doing import observing, performing, service_logs, sweeping
from environments.models import Environment, Run, Sample, ServiceLogChunk, Slot, Worker
from environments.runs import sessions
from environments.stream.following import may_hear
from projects import bell
from projects.models import Event
from tests import builders
from tests.environments.yard import Yard, yard

pytestmark = pytest.mark.django_db


class Eyes:
    """One app, live, and a worker that looks at it."""

    def __init__(self) -> None:
        self.yard: Yard = yard()
        self.worker: Worker = self.yard.worker()
        self.deployment = self.yard.deployed(self.worker, "1.0")

    def see(self, *services: dict[str, Any], deployment: Any = None, **more: Any) -> Slot:
        slot = {
            "app_id": str(self.yard.app.pk),
            "deployment_id": str((deployment or self.deployment).pk),
            "number": (deployment or self.deployment).number,
            "services": list(services),
        }
        return self.look({"slots": [slot]} | more)

    def look(self, seen: dict[str, Any]) -> Slot:
        worker = sessions.of(self.yard.session(self.worker))
        observing.observe(worker, seen)
        return self.yard.slot

    def told(self) -> list[str]:
        kinds = ("app.", "service.")
        rows = Event.objects.order_by("number").values_list("kind", flat=True)
        return [kind for kind in rows if kind.startswith(kinds) and kind != "app.created"]


def service(state: str = "running", **more: Any) -> dict[str, Any]:
    return {"name": "web", "state": state, "pid": 7, "port": 21000, "restarts": 0, "exit": None, "line": None} | more


def earlier(column: str, seconds: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE environments_slot SET {column} = {column} - interval '{seconds} seconds'")


def test_a_healthy_release_is_seen_and_nothing_is_told() -> None:
    eyes = Eyes()
    slot = eyes.see(service(cpu=0.5, memory=1000))
    assert slot.observed_id == eyes.deployment.pk and slot.observed_by == eyes.worker.pk
    assert (slot.condition, slot.services[0]["memory"]) == ("ok", 1000)
    assert eyes.told() == []


@pytest.mark.parametrize("state", ["crash-looping", "unhealthy", "backoff", "stopped"])
def test_a_service_in_trouble_degrades_its_app_once_and_says_why(state: str) -> None:
    eyes = Eyes()
    for _ in range(3):
        slot = eyes.see(service(state, exit="exit code 1", line="out of memory"))

    assert slot.condition == "degraded" and slot.condition_since is not None
    assert "exit code 1" in slot.condition_reason and "out of memory" in slot.condition_reason
    assert eyes.told() == ["app.degraded"]
    assert Event.objects.get(kind="app.degraded").data["line"] == "out of memory"


def test_an_app_recovers_when_its_services_do() -> None:
    eyes = Eyes()
    eyes.see(service("unhealthy"))
    slot = eyes.see(service())
    assert (slot.condition, slot.condition_reason, slot.condition_since) == ("ok", "", None)
    assert eyes.told() == ["app.degraded", "app.recovered"]


def test_a_restart_is_told_and_counts_until_the_service_has_run_a_while() -> None:
    eyes = Eyes()
    eyes.see(service())
    slot = eyes.see(service(restarts=1, exit="signal 9", line="bye"))
    assert slot.condition == "degraded"
    assert eyes.see(service(restarts=1)).condition == "degraded"

    Slot.objects.filter(pk=slot.pk).update(services=[slot.services[0] | {"restarted_at": "2020-01-01T00:00:00+00:00"}])
    assert eyes.see(service(restarts=1)).condition == "ok"
    assert eyes.told() == ["service.restarted", "app.degraded", "app.recovered"]


def test_a_service_that_starts_is_in_no_trouble() -> None:
    eyes = Eyes()
    assert eyes.see(service("starting")).condition == "ok"


def test_what_differs_from_the_live_release_for_half_a_minute_has_drifted() -> None:
    eyes = Eyes()
    assert eyes.look({"slots": []}).condition == "ok"
    earlier("astray_since", 31)
    slot = eyes.look({"slots": []})
    assert (slot.condition, slot.observed) == ("drifted", None)
    assert eyes.see(service()).condition == "ok"
    assert eyes.told() == ["app.drifted", "app.recovered"]


def test_a_short_difference_is_forgotten() -> None:
    eyes = Eyes()
    eyes.look({"slots": []})
    eyes.see(service())
    assert eyes.look({"slots": []}).astray_since is not None
    earlier("astray_since", 20)
    assert eyes.look({"slots": []}).condition == "ok"


def test_while_something_is_deployed_the_condition_is_left_alone() -> None:
    eyes = Eyes()
    eyes.yard.deploy("2.0")
    assert eyes.see(service("stopped")).condition == "ok"


def test_services_stopped_with_their_environment_are_in_no_trouble() -> None:
    eyes = Eyes()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE environments_environment SET state = 'stopping'")
    slot = eyes.see(service("stopped"))
    assert slot.condition == "ok" and eyes.told() == []


def test_a_directory_that_is_gone_asks_for_a_new_deployment() -> None:
    eyes = Eyes()
    slot = eyes.see(service(), missing=[str(eyes.deployment.pk)])
    assert slot.condition == "degraded" and "deploy it again" in slot.condition_reason


def test_a_worker_speaks_for_its_own_host_only() -> None:
    eyes = Eyes()
    eyes.see(service())
    other = eyes.yard.worker()
    observing.observe(other, {"slots": []})
    assert eyes.yard.slot.observed_id == eyes.deployment.pk


def test_a_deployment_of_another_environment_is_not_taken_for_an_own_one() -> None:
    eyes = Eyes()
    there = eyes.yard.another("staging")
    foreign = there.deployed(there.worker(), "1.0-other")
    assert eyes.see(service(), deployment=foreign).observed is None


@pytest.mark.parametrize(
    "rubbish",
    [
        {"slots": "x"},
        {"slots": [None, 3, {"app_id": None}]},
        {"slots": [{"app_id": "x", "services": 5}], "resources": [], "missing": [1]},
        {"resources": {"cpu": "much", "memory": 1e300, "storage": True}},
    ],
)
def test_rubbish_changes_nothing_and_breaks_nothing(rubbish: dict[str, Any]) -> None:
    eyes = Eyes()
    assert eyes.look(rubbish).condition == "ok"


def test_measurements_are_kept_every_quarter_of_a_minute() -> None:
    eyes = Eyes()
    for _ in range(3):
        eyes.see(service(), resources={"cpu": 0.25, "memory": 1000, "storage": 5})
    sample = Sample.objects.get(environment=eyes.yard.environment)
    assert (sample.cpu, sample.memory, sample.storage) == (0.25, 1000, 5)
    assert Environment.objects.get(pk=eyes.yard.environment.pk).resources["memory"] == 1000


def test_measurements_of_several_workers_are_added() -> None:
    eyes = Eyes()
    eyes.see(service(), resources={"cpu": 1, "memory": 10, "storage": 1})
    with connection.cursor() as cursor:
        cursor.execute("UPDATE environments_sample SET at = at - interval '1 minute'")
    observing.observe(eyes.yard.worker(), {"resources": {"cpu": 2, "memory": 20, "storage": 2}})
    assert Sample.objects.order_by("-at").first().memory == 30


def test_what_another_worker_says_of_its_machine_cannot_spoil_the_sum() -> None:
    eyes = Eyes()
    other = eyes.yard.worker()
    workers.heartbeat(other, system_info={"resources": {"cpu": "much", "memory": [1]}})
    eyes.see(service(), resources={"cpu": 1, "memory": 10, "storage": 1})
    assert Sample.objects.get().memory == 10


def test_looking_costs_the_same_statements_for_one_app_and_for_five() -> None:
    eyes = Eyes()
    apps = [(eyes.yard.app, eyes.deployment)]

    def cost() -> int:
        slots = [
            {"app_id": str(app.pk), "deployment_id": str(deployment.pk), "services": [service()]}
            for app, deployment in apps
        ]
        with CaptureQueriesContext(connection) as captured:
            eyes.look({"slots": slots})
        return len(captured)

    cost()
    one = cost()
    for _ in range(4):
        other = builders.app(eyes.yard.owner)
        apps.append((other, eyes.yard.deployed(eyes.worker, app=other)))
    cost()
    assert cost() == one <= 16


# Services' output


def chunk(eyes: Eyes, offset: int, *texts: str, **other: Any) -> dict[str, Any]:
    return {
        "app_id": str(eyes.yard.app.pk),
        "service": "web",
        "deployment_id": str(eyes.deployment.pk),
        "offset": offset,
        "lines": [{"at": "2026-01-01T00:00:00Z", "stream": "out", "text": text} for text in texts],
    } | other


def written() -> list[str]:
    return [line["text"] for one in ServiceLogChunk.objects.order_by("id") for line in one.lines]


def test_what_a_service_wrote_is_stored_once() -> None:
    eyes = Eyes()
    service_logs.take_in(eyes.worker, [chunk(eyes, 0, "a", "b")])
    service_logs.take_in(eyes.worker, [chunk(eyes, 0, "a", "b", "c"), chunk(eyes, 3, "d")])
    assert written() == ["a", "b", "c", "d"]


def test_output_of_another_environment_or_app_is_left_out() -> None:
    eyes = Eyes()
    there = eyes.yard.another("staging")
    service_logs.take_in(there.worker(), [chunk(eyes, 0, "planted")])
    service_logs.take_in(eyes.worker, [chunk(eyes, 0, "wrong", app_id="nonsense"), chunk(eyes, "x", "y"), {}])
    assert written() == []


def test_of_what_a_service_wrote_the_oldest_is_forgotten_as_it_writes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    eyes = Eyes()
    service_logs.take_in(eyes.worker, [chunk(eyes, 0, "0"), chunk(eyes, 0, "job", service="jobs")])
    monkeypatch.setattr(service_logs, "BYTES_KEPT", 2 * ServiceLogChunk.objects.first().size)

    for n in range(1, 5):
        service_logs.take_in(eyes.worker, [chunk(eyes, n, str(n))])

    assert written() == ["job", "3", "4"]


def test_what_older_deployments_wrote_makes_room_for_what_the_newest_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    eyes = Eyes()
    service_logs.take_in(eyes.worker, [chunk(eyes, n, f"old {n}") for n in range(3)])
    monkeypatch.setattr(service_logs, "BYTES_KEPT", 2 * ServiceLogChunk.objects.first().size)
    newer = str(eyes.yard.deployed(eyes.worker, "2.0").pk)

    for n in range(2):
        service_logs.take_in(eyes.worker, [chunk(eyes, n, f"new {n}", deployment_id=newer)])

    assert written() == ["new 0", "new 1"]


def test_what_is_forgotten_at_once_is_bounded_and_soon_caught_up(monkeypatch: pytest.MonkeyPatch) -> None:
    eyes = Eyes()
    service_logs.take_in(eyes.worker, [chunk(eyes, n, f"{n:02}") for n in range(30)])
    monkeypatch.setattr(service_logs, "BYTES_KEPT", ServiceLogChunk.objects.first().size)
    monkeypatch.setattr(service_logs, "FORGOTTEN_AT_ONCE", 10)
    service_logs.take_in(eyes.worker, [chunk(eyes, 30, "30")])
    assert written() == [f"{n:02}" for n in range(10, 31)]
    service_logs.take_in(eyes.worker, [chunk(eyes, n, str(n)) for n in range(31, 34)])
    assert written() == ["33"]


def test_what_services_wrote_goes_with_their_environment() -> None:
    eyes = Eyes()
    there = eyes.yard.another("staging")
    worker = there.worker()
    kept = chunk(eyes, 0, "kept", deployment_id=str(there.deployed(worker, "2.0").pk))
    service_logs.take_in(eyes.worker, [chunk(eyes, 0, "gone")])
    service_logs.take_in(worker, [kept])
    workers.disconnect(eyes.worker, by=eyes.yard.owner)

    lifecycle.delete(eyes.yard.environment, by=eyes.yard.owner)
    performing.perform(Run.objects.get(environment=eyes.yard.environment, kind="terminate").pk)

    assert Environment.objects.get(pk=eyes.yard.environment.pk).terminated_at is not None
    assert written() == ["kept"]


def test_old_measurements_are_forgotten() -> None:
    eyes = Eyes()
    eyes.see(service(), resources={"cpu": 1})
    with connection.cursor() as cursor:
        cursor.execute("UPDATE environments_sample SET at = at - interval '2 days'")

    sweeping.prune()

    assert Sample.objects.count() == 0
    assert Run.objects.exists()


def test_open_pages_hear_of_what_is_seen_where_they_see_its_project(
    django_capture_on_commit_callbacks: Any, settings: Any
) -> None:
    eyes = Eyes()
    own, elsewhere = eyes.yard.app.project, builders.project(eyes.yard.owner)

    with redis.Redis.from_url(settings.REDIS_URL).pubsub(ignore_subscribe_messages=True) as bells:
        bells.subscribe(bell.EVENTS)
        with django_capture_on_commit_callbacks(execute=True):
            eyes.see(service(), resources={"cpu": 1.0})
        heard = [json.loads(one["data"]) for _ in range(30) if (one := bells.get_message(timeout=0.1))]

    hints = [one for one in heard if one.get("organization") == str(eyes.yard.environment.organization_id)]
    measured, looks = (next(one for one in hints if noun in str(one.get("subjects"))) for noun in ("metrics:", "app:"))
    for project, seen in ((own, [True, True]), (elsewhere, [True, False])):
        viewer = builders.member(eyes.yard.cast.organization, "viewer", project=project)
        assert [may_hear(viewer, measured), may_hear(viewer, looks)] == seen
    stranger = builders.member(eyes.yard.cast.organization, "viewer", environment_id=uuid.uuid4())
    assert not may_hear(stranger, measured) and not may_hear(stranger, looks)
