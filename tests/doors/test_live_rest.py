"""REST that waits: the stream of events, a run's log as it grows, and the workers' long poll."""

import json
import threading
import time
import uuid
from typing import Any

import httpx
import pytest

from environments.delivery import deployments
from environments.doing import conclusions
from environments.models import Environment, Run, Worker
from environments.planning import plans
from environments.runs import desires, logs, sessions
from projects import events, tokens
from projects.credentials import digest, new_token
from projects.models import AccessToken, Role
from tests import builders
from tests.doors.web import Stream, Web, listening, web
from tests.environments import house as houses
from tests.environments.house import House
from tests.patience import patience


@pytest.fixture
def house(server_environment: dict[str, str]) -> House:
    return houses.house()


@pytest.fixture
def development(house: House) -> Environment:
    environment = house.environment("development")
    house.chain("development")
    return environment


def bearer(house: House) -> dict[str, str]:
    return {"authorization": f"Bearer {builders.grant_token(house.owner)}"}


def session(worker: Worker) -> dict[str, str]:
    """The worker speaks with a credential that this test knows."""
    credential = new_token("tps").reveal()
    Worker.objects.filter(pk=worker.pk).update(session_digest=digest(credential))
    return {"authorization": f"Bearer {credential}", "towpath-protocol": "1"}


def told(stream: Stream, within: float = 5.0) -> dict[str, Any]:
    message = stream.next(within=within)
    assert message is not None and message.event in {"event", "line"}, message
    return json.loads(message.data) | {"_id": message.id}


def test_events_arrive_one_by_one_with_the_id_they_have_in_the_list(server: Web, house: House) -> None:
    headers = bearer(house)
    with listening(f"{server.url}/api/v1/events/stream", headers) as stream:
        app = house.app("ledger")
        heard = [told(stream), told(stream)]

    listed = httpx.get(f"{server.url}/api/v1/events?limit=1000", headers=headers).json()[-2:]
    assert [event["kind"] for event in heard] == ["project.created", "app.created"]
    assert [event.pop("_id") for event in heard] == [event["id"] for event in listed]
    assert heard == listed
    assert heard[1]["object"]["id"] == str(app.id)


def test_a_stream_goes_on_after_the_event_it_is_told(server: Web, house: House) -> None:
    headers = bearer(house)
    project = house.project()
    first = httpx.get(f"{server.url}/api/v1/events?limit=1000", headers=headers).json()[-1]["id"]
    house.app("ledger", project=project)
    house.app("gateway", project=project)

    with listening(f"{server.url}/api/v1/events/stream", {**headers, "last-event-id": first}) as stream:
        names = [told(stream)["object"]["name"], told(stream)["object"]["name"]]

    assert names == ["ledger", "gateway"]


def test_filters_leave_out_the_others(server: Web, house: House) -> None:
    one, other = house.project("ONE"), house.project("OTHER")
    with listening(f"{server.url}/api/v1/events/stream?project=one&kind=app", bearer(house)) as stream:
        house.app("elsewhere", project=other)
        house.app("here", project=one)
        heard = told(stream)

    assert heard["object"]["name"] == "here"


@pytest.mark.parametrize(
    ("query", "status"), [("?colour=red", 422), ("?after=yesterday", 422), ("?project=NONE", 404), ("", 401)]
)
def test_a_question_that_is_wrong_is_refused_in_the_usual_way(
    server: Web, house: House, query: str, status: int
) -> None:
    headers = bearer(house) if query else {}

    answer = httpx.get(f"{server.url}/api/v1/events/stream{query}", headers=headers)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status and answer.headers["x-request-id"]


def test_a_stranger_hears_nothing(server: Web, house: House) -> None:
    other = houses.house()
    with listening(f"{server.url}/api/v1/events/stream", bearer(other)) as stream:
        house.project("SECRET")
        own = other.project("OWN")
        heard = told(stream)

    assert heard["object"]["id"] == str(own.id)


def test_a_revoked_token_ends_its_stream_at_once(server: Web, house: House) -> None:
    token, secret = tokens.create(by=house.owner, name="short", role=Role.VIEWER)
    headers = {"authorization": f"Bearer {secret.reveal()}"}
    with listening(f"{server.url}/api/v1/events/stream", headers) as stream:
        tokens.revoke(AccessToken.objects.get(pk=token.pk), by=house.owner)
        message = stream.next(within=5)  # the server looks by itself every half minute

    assert message is not None and message.event == "end"
    assert "revoked" in message.data


@pytest.fixture
def run(house: House, development: Environment) -> Run:
    """A deployment's run, claimed by its worker."""
    release = house.release(house.app("ledger"), "1.0.0")
    plan = plans.propose(by=house.owner, release=release, environment=development)
    return house.claimed(deployments.carry_out(plan, by=house.owner))


def test_a_runs_log_is_followed_to_its_end(server: Web, house: House, development: Environment, run: Run) -> None:
    worker = house.workers[development.id]
    logs.append(run.id, run.attempt, worker, 0, [{"text": "first", "stream": "out", "step": 1, "at": "1"}])
    headers = {**bearer(house), "accept": "text/event-stream"}

    with listening(f"{server.url}/api/v1/runs/{run.id}/logs", headers) as stream:
        first = told(stream)
        begun = time.monotonic()
        logs.append(run.id, run.attempt, worker, 1, [{"text": "second", "stream": "err", "step": 1, "at": "2"}])
        second = told(stream)
        took = time.monotonic() - begun
        conclusions.finish(run.id, run.attempt, worker, "succeeded", "")
        last = stream.next(within=5)

    assert (first["text"], first["n"], first["_id"]) == ("first", 0, f"{run.attempt}-1")
    assert (second["text"], second["n"], second["stream"]) == ("second", 1, "err")
    assert took < 1
    assert last is not None and (last.event, last.data) == ("end", "succeeded")

    with listening(f"{server.url}/api/v1/runs/{run.id}/logs", {**headers, "last-event-id": first["_id"]}) as again:
        assert told(again)["text"] == "second"


def test_without_asking_for_a_stream_the_log_is_a_list(server: Web, house: House, run: Run) -> None:
    answer = httpx.get(f"{server.url}/api/v1/runs/{run.id}/logs", headers=bearer(house))

    assert answer.status_code == 200 and answer.json() == []


@pytest.mark.parametrize(
    ("query", "field"),
    [("limit=0", "limit"), ("attempt=0", "attempt"), ("skip=-1", "skip"), ("cursor=x", "cursor"), ("n=1", "n")],
)
def test_what_a_list_refuses_a_stream_refuses_too(server: Web, house: House, run: Run, query: str, field: str) -> None:
    for more in ({}, {"accept": "text/event-stream"}):
        answer = httpx.get(f"{server.url}/api/v1/runs/{run.id}/logs?{query}", headers={**bearer(house), **more})

        assert answer.status_code == 422 and [error["field"] for error in answer.json()["errors"]] == [field]


def test_a_stream_leaves_out_as_many_lines_as_a_list(
    server: Web, house: House, development: Environment, run: Run
) -> None:
    lines = [{"text": str(n), "stream": "out", "step": 1, "at": "1"} for n in range(4)]
    logs.append(run.id, run.attempt, house.workers[development.id], 0, lines)
    url = f"{server.url}/api/v1/runs/{run.id}/logs?attempt={run.attempt}&cursor=1&skip=1&limit=1"

    listed = httpx.get(url, headers=bearer(house)).json()
    with listening(url, {**bearer(house), "accept": "text/event-stream"}) as stream:
        heard = [told(stream)["n"], told(stream)["n"]]

    assert ([line["n"] for line in listed], heard) == ([2], [2, 3])


def test_head_tells_how_long_the_answer_would_be_and_leaves_the_connection_in_order(server: Web, house: House) -> None:
    with httpx.Client(base_url=f"{server.url}/api/v1", headers=bearer(house)) as client:
        asked, told = client.head("/environments"), client.get("/environments")

    assert (asked.status_code, asked.content, told.status_code) == (200, b"", 200)
    for name in ("content-length", "content-type", "etag", "cache-control", "vary"):
        assert asked.headers[name] == told.headers[name]


def test_another_organizations_log_does_not_exist(server: Web, run: Run) -> None:
    headers = {**bearer(houses.house()), "accept": "text/event-stream"}

    assert httpx.get(f"{server.url}/api/v1/runs/{run.id}/logs", headers=headers).status_code == 404


def claim(server: Web, headers: dict[str, str], wait: float) -> tuple[httpx.Response, float]:
    begun = time.monotonic()
    body = {"claim_key": uuid.uuid4().hex, "wait": wait}
    answer = httpx.post(f"{server.url}/api/v1/workers/me/claims", json=body, headers=headers, timeout=wait + 10)
    return answer, time.monotonic() - begun


def test_a_parked_worker_gets_work_as_soon_as_there_is_some(
    server: Web, house: House, development: Environment
) -> None:
    took, deployed, given = parked_while_a_deployment_is_asked_for(server, house, development)

    assert took < patience(2)
    assert given == deployed


def test_without_a_broker_a_parked_worker_gets_its_work_some_seconds_later(
    server_environment: dict[str, str], house: House, development: Environment
) -> None:
    with web({**server_environment, "REDIS_URL": "redis://127.0.0.1:1/0"}) as server:
        took, deployed, given = parked_while_a_deployment_is_asked_for(server, house, development)

    assert took < patience(7)
    assert given == deployed


def parked_while_a_deployment_is_asked_for(
    server: Web, house: House, development: Environment
) -> tuple[float, str, str]:
    """How long the worker waited after the wish, the deployment's id, and the one it was given."""
    release = house.release(house.app("ledger"), "1.0.0")
    headers = session(house.workers[development.id])
    found: list[tuple[httpx.Response, float]] = []
    parked = threading.Thread(target=lambda: found.append(claim(server, headers, 15)))
    parked.start()
    time.sleep(1)
    asked = time.monotonic()
    plan = plans.propose(by=house.owner, release=release, environment=development)
    deployment = deployments.carry_out(plan, by=house.owner)
    parked.join(20)
    answer = found[0][0]
    assert answer.status_code == 200
    return time.monotonic() - asked, str(deployment.id), answer.json()["run"]["deployment"]["id"]


def test_a_parked_worker_is_let_go_when_its_time_is_over(server: Web, house: House, development: Environment) -> None:
    answer, took = claim(server, session(house.workers[development.id]), 1.5)

    assert answer.status_code == 200 and answer.json()["run"] is None
    assert 1.4 < took < 4


def test_a_session_that_ends_while_it_is_parked_is_told(server: Web, house: House, development: Environment) -> None:
    worker = house.workers[development.id]
    headers = session(worker)
    found: list[tuple[httpx.Response, float]] = []
    parked = threading.Thread(target=lambda: found.append(claim(server, headers, 8)))
    parked.start()
    time.sleep(1)
    worker.refresh_from_db()
    end(worker, house)
    house.live(house.release(house.app("ledger"), "1.0.0"), house.environment("other"))
    desires.raise_version(development.id)
    parked.join(20)

    assert found[0][0].status_code == 401


@events.operation
def end(worker: Worker, house: House) -> None:
    sessions.end(worker, reason="revoked", by=house.owner)


@pytest.mark.parametrize("credential", ["", "tpa_unknown", "tpw_unknown", "tps_unknown"])
def test_only_a_session_claims(server: Web, credential: str) -> None:
    answer, _ = claim(server, {"authorization": f"Bearer {credential}"} if credential else {}, 0)

    assert answer.status_code in {401, 404}
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_claim_that_cannot_be_read_names_the_field(server: Web, house: House, development: Environment) -> None:
    headers = session(house.workers[development.id])

    answer = httpx.post(f"{server.url}/api/v1/workers/me/claims", json={"wait": "soon"}, headers=headers)

    assert answer.status_code == 422
    assert {error["field"] for error in answer.json()["errors"]} == {"claim_key", "wait"}
