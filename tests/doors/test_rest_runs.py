"""REST: runs, their logs, and workers as people see them."""

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from environments.doing import conclusions
from environments.models import Phase, Run
from environments.runs import claim, logs, queue, steps
from tests import builders
from tests.doors.rest import fields, get, is_problem, post
from tests.environments.yard import Yard, yard

pytestmark = pytest.mark.django_db


def line(n: int) -> dict[str, Any]:
    return {"at": "2026-01-01T00:00:00Z", "step": 1, "stream": "out", "text": f"line {n}"}


def begun(here: Yard) -> tuple[Run, Any]:
    worker = here.worker()
    here.deploy("1.0")
    run = claim.by_worker(worker, "key")
    assert run is not None
    return run, worker


def test_a_run_tells_its_steps_and_end() -> None:
    here = yard()
    run, worker = begun(here)
    steps.lay_out(run, [("Fetch", False), ("install", False)])
    steps.report(run.pk, 1, worker, steps.Report(n=1, name="Fetch", phase="succeeded"))
    conclusions.finish(run.pk, 1, worker, Phase.FAILED, "install: exit code 1", ["oh"])

    told = get(builders.rest(here.cast.viewer), f"/runs/{run.pk}").json()

    assert (told["kind"], told["phase"], told["attempt"]) == ("deploy", "failed", 1)
    assert told["worker_id"] == str(worker.pk) and told["deployment_id"] == str(run.deployment_id)
    assert [(step["name"], step["phase"]) for step in told["steps"]] == [("Fetch", "succeeded"), ("install", "skipped")]


def test_runs_are_listed_newest_first_by_page_and_filter() -> None:
    here = yard()
    run, _ = begun(here)
    client = builders.rest(here.owner)
    made = [queue.enqueue(kind="prepare", by=here.owner, organization=here.owner.organization) for _ in range(3)]

    first = get(client, "/runs?limit=2")
    assert [one["id"] for one in first.json()] == [str(made[2].pk), str(made[1].pk)]
    rest = first["Link"].split("<")[1].split(">")[0].split("/api/v1")[1]
    assert [one["id"] for one in get(client, rest).json()] == [str(made[0].pk), str(run.pk)]
    assert [one["id"] for one in get(client, "/runs?kind=deploy").json()] == [str(run.pk)]
    assert [one["id"] for one in get(client, "/runs?phase=running&environment=DEVELOPMENT").json()] == [str(run.pk)]
    assert get(client, "/runs?phase=queued&environment=development").json() == []
    assert is_problem(get(client, "/runs?phase=odd"), 422)
    assert is_problem(get(client, "/runs?environment=nowhere"), 404)
    assert is_problem(get(client, "/runs?unknown=1"), 422)


def test_the_list_of_runs_costs_the_same_for_one_and_for_many() -> None:
    here = yard()
    client = builders.rest(here.owner)

    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert get(client, "/runs").status_code == 200
        return len(captured)

    cost()
    few = cost()
    for _ in range(12):
        run = queue.enqueue(kind="prepare", by=here.owner, organization=here.owner.organization)
        steps.lay_out(run, [("one", False), ("two", False)])
    assert cost() == few


def test_logs_are_read_page_by_page() -> None:
    here = yard()
    run, worker = begun(here)
    logs.append(run.pk, 1, worker, 0, [line(n) for n in range(25)])
    client = builders.rest(here.owner)

    first = get(client, f"/runs/{run.pk}/logs?limit=20")
    assert [one["n"] for one in first.json()] == list(range(20))
    following = first["Link"].split("<")[1].split(">")[0].split("/api/v1")[1]
    second = get(client, following)
    assert [one["text"] for one in second.json()] == [f"line {n}" for n in range(20, 25)]
    assert "Link" not in second
    assert [one["n"] for one in get(client, f"{following}&skip=3").json()] == [23, 24]
    assert is_problem(get(client, f"/runs/{run.pk}/logs?cursor=x"), 422)
    assert get(client, f"/runs/{run.pk}/logs?attempt=2").json() == []


def test_a_stranger_and_one_who_does_not_see_the_environment_find_nothing() -> None:
    here = yard("development")
    there = here.another("staging")
    run, _ = begun(here)
    elsewhere = builders.member(here.owner.organization, "operator", environment_id=there.environment.pk)

    for actor in (here.cast.stranger, elsewhere):
        client = builders.rest(actor)
        assert is_problem(get(client, f"/runs/{run.pk}"), 404)
        assert is_problem(get(client, f"/runs/{run.pk}/logs"), 404)
        assert is_problem(post(client, f"/runs/{run.pk}/cancellation"), 404)
        assert is_problem(post(client, f"/runs/{run.pk}/retry"), 404)
        assert str(run.pk) not in get(client, "/runs").content.decode()
        assert str(run.worker_id) not in get(client, "/workers").content.decode()
    assert is_problem(get(builders.rest(here.owner), "/runs/nonsense"), 404)


def test_cancelling_and_retrying_answer_the_run() -> None:
    here = yard()
    here.worker()
    run = here.deploy("1.0").run
    client = builders.rest(here.owner)

    for act in ("cancellation", "retry"):
        assert fields(post(client, f"/runs/{run.pk}/{act}", {"reason": "x" * 5_000})) == {"reason"}
    assert post(client, f"/runs/{run.pk}/cancellation", {"reason": "not now"}).json()["phase"] == "cancelled"
    assert is_problem(post(client, f"/runs/{run.pk}/cancellation"), 409, "finished")
    assert post(client, f"/runs/{run.pk}/retry").json()["phase"] == "queued"
    assert is_problem(post(client, f"/runs/{run.pk}/retry"), 409, "cannot-retry")
    assert is_problem(post(builders.rest(here.cast.viewer), f"/runs/{run.pk}/cancellation"), 403)


def test_workers_are_seen_with_what_they_do() -> None:
    here = yard()
    run, worker = begun(here)
    idle = here.worker()
    client = builders.rest(here.cast.viewer)

    told = {one["id"]: one for one in get(client, "/workers").json()}

    assert (told[str(worker.pk)]["state"], told[str(worker.pk)]["current_run_id"]) == ("busy", str(run.pk))
    counted = get(client, f"/environments/{here.environment.pk}").json()
    assert (counted["busy_workers"], counted["idle_workers"]) == (1, len(told) - 1)
    assert (told[str(idle.pk)]["state"], told[str(idle.pk)]["load"]) == ("idle", 0)
    assert get(client, f"/workers/{idle.pk}").json()["environment_id"] == str(here.environment.pk)
    assert "session" not in get(client, f"/workers/{idle.pk}").content.decode()
    assert is_problem(get(client, f"/workers/{uuid.uuid4()}"), 404)


def test_heartbeats_with_an_access_token_need_the_right() -> None:
    here = yard()
    worker = here.worker()
    beat = {"worker_id": str(worker.pk), "environment_name": "Development", "status": "busy", "tasks_processed": 3}

    answer = post(builders.rest(here.owner), "/workers/heartbeat", beat)
    assert (answer.status_code, answer.json()["tasks_processed"]) == (200, 3)
    assert post(builders.rest(here.owner), f"/workers/{worker.pk}/heartbeat", {}).status_code == 200
    assert is_problem(post(builders.rest(here.cast.viewer), "/workers/heartbeat", beat), 403)
    assert is_problem(post(builders.rest(here.cast.stranger), "/workers/heartbeat", beat), 404)
    assert is_problem(post(builders.rest(here.owner), f"/workers/{uuid.uuid4()}/heartbeat", {}), 404)
    assert is_problem(post(builders.rest(here.owner), "/workers/heartbeat", {"environment_name": "x"}), 422)
    assert is_problem(post(builders.rest(here.owner), "/workers/heartbeat", beat | {"odd": 1}), 422)


def test_a_worker_can_be_sent_home_by_who_may_operate_the_environment() -> None:
    here = yard()
    worker = here.worker()
    answer = post(builders.rest(here.owner), f"/workers/{worker.pk}/disconnect", {"reason": "maintenance"})
    assert (answer.status_code, answer.json()["state"]) == (200, "disconnected")
    refused = post(builders.rest(here.owner), f"/workers/{worker.pk}/heartbeat", {})
    assert is_problem(refused, 409) and refused.json()["code"] == "session-ended"
    assert "maintenance" in refused.json()["detail"]
    assert get(builders.rest(here.owner), "/workers").json() == []
    assert [one["id"] for one in get(builders.rest(here.owner), "/workers?ended=true").json()] == [str(worker.pk)]
