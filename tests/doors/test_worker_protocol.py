"""The worker's whole conversation over HTTP, and what a session or worker token does not reach."""

import hashlib
import io
import json
import tarfile
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from environments import worker_tokens
from environments.api import sessions
from environments.models import Environment, Host, Phase, Run, State, Worker
from projects import artifacts
from projects.models import Event
from tests import builders
from tests.environments.yard import Yard, silent, steps_of, yard

pytestmark = pytest.mark.django_db


class Speaker:
    """A worker on the wire."""

    def __init__(self, credential: str) -> None:
        self.client = Client(headers={"Authorization": f"Bearer {credential}", "Towpath-Protocol": "1"})

    def post(self, path: str, body: Any = None, *, expect: int = 200) -> Any:
        answer = self.client.post(f"/api/v1{path}", json.dumps(body or {}), content_type="application/json")
        assert answer.status_code == expect, f"{path}: {answer.status_code} {answer.content.decode()}"
        return answer.json()


def introduction(here: Yard, **other: Any) -> dict[str, Any]:
    return {
        "environment_name": here.environment.name.upper(),
        "hostname": "node-1",
        "version": "0.1.0",
        "previous_session": None,
        "host": {"id": str(uuid.uuid4()), "address": "127.0.0.1", "endpoint_first": 24000, "endpoint_count": 50},
        "worker_metadata": {},
    } | other


def registered(here: Yard, **other: Any) -> tuple[Speaker, dict[str, Any]]:
    token = worker_tokens.give(here.environment).reveal()
    answer = Speaker(token).post("/workers/register", introduction(here, **other))
    return Speaker(answer["session"]), answer


def claimed(speaker: Speaker, key: str = "key") -> dict[str, Any]:
    run = speaker.post("/workers/me/claims", {"claim_key": key, "wait": 0})["run"]
    assert run is not None
    return run


def test_a_worker_registers_with_the_environments_token() -> None:
    here = yard()
    _, answer = registered(here)

    assert answer["environment_id"] == str(here.environment.pk)
    assert answer["environment_name"] == here.environment.name
    assert answer["temporal_namespace"] == here.environment.namespace
    assert answer["session"].startswith("tps_")
    assert (answer["lease_seconds"], answer["renew_seconds"]) == (30, 5)
    assert Worker.objects.get(pk=answer["worker_id"]).hostname == "node-1"


def test_a_deployment_goes_all_its_way_over_the_wire() -> None:
    here = yard()
    speaker, _ = registered(here)
    deployment = here.deploy("1.4")

    run = claimed(speaker)
    about = {"attempt": run["attempt"]}
    assert run["action"] == "deploy" and run["deployment"]["number"] == 1
    assert [(step["n"], step["name"], step["once"]) for step in run["steps"]] == [
        (1, "install", False),
        (2, "migrate", True),
    ]
    assert [service["name"] for service in run["services"]] == ["web", "jobs"]
    assert list(run["endpoints"]) == ["web"] and 24000 <= run["endpoints"]["web"]["port"] < 24050
    assert run["env"]["TOWPATH_VERSION"] == "1.4" and run["env"]["TOWPATH_RUN"] == run["id"]

    step = {"n": 2, "name": "install", "phase": "running", "detail": "", "exit_code": None}
    assert speaker.post(f"/runs/{run['id']}/reports", about | {"step": step}) == {"cancel": False}
    lines = [{"at": "2026-01-01T00:00:00Z", "step": 2, "stream": "out", "text": "hello"}]
    assert speaker.post(f"/runs/{run['id']}/log-chunks", about | {"offset": 0, "lines": lines}) == {
        "next": 1,
        "full": False,
    }
    renewed = speaker.post("/workers/me/renewals", {"runs": [{"id": run["id"], **about}], "status": "busy"})
    assert renewed["runs"] == [{"id": run["id"], "attempt": 1, "held": True, "cancel": False}]
    speaker.post(f"/runs/{run['id']}/seal", about)
    end = about | {"outcome": "succeeded", "reason": "", "last_lines": []}
    speaker.post(f"/runs/{run['id']}/conclusion", end)
    speaker.post(f"/runs/{run['id']}/conclusion", end)

    assert here.slot.live_id == deployment.pk
    steps = dict(steps_of(Run.objects.get(pk=run["id"])))
    assert list(steps) == ["Fetch", "install", "migrate", "Start", "Health check", "Switch", "Drain"]
    assert steps["install"] == "succeeded"
    desired = speaker.post("/workers/me/desired")
    (slot,) = desired["slots"]
    assert desired["wanted"] == "running" and desired["version"] > 1
    assert slot["live"]["deployment"]["id"] == str(deployment.pk) and slot["keep"] == [str(deployment.pk)]


def test_a_worker_with_nothing_to_do_is_answered_none() -> None:
    speaker, _ = registered(yard())
    answer = speaker.post("/workers/me/claims", {"claim_key": "key", "wait": 0})
    assert answer["run"] is None and answer["desired_version"] >= 1


def test_a_failed_deployment_is_told_with_reason_and_last_lines() -> None:
    here = yard()
    speaker, _ = registered(here)
    here.deploy()
    run = claimed(speaker)

    body = {"attempt": 1, "outcome": "failed", "reason": "install: exit code 3", "last_lines": ["no such package"]}
    speaker.post(f"/runs/{run['id']}/conclusion", body)

    answer = builders.rest(here.owner).get(f"/api/v1/runs/{run['id']}").json()
    assert (answer["phase"], answer["reason"]) == ("failed", "install: exit code 3")
    assert answer["last_lines"] == ["no such package"]
    assert here.slot.live is None


def test_an_older_attempt_is_refused_everywhere() -> None:
    here = yard()
    speaker, _ = registered(here)
    here.deploy()
    run = claimed(speaker)
    from environments.doing import conclusions

    silent(Run.objects.get(pk=run["id"]))
    conclusions.settle(uuid.UUID(run["id"]))
    again = claimed(speaker, "second")
    assert (again["id"], again["attempt"]) == (run["id"], 2)

    step = {"n": 1, "name": "Fetch", "phase": "running"}
    old = {"attempt": 1}
    refused = [
        speaker.post(f"/runs/{run['id']}/reports", old | {"step": step}, expect=409),
        speaker.post(f"/runs/{run['id']}/log-chunks", old | {"offset": 0, "lines": []}, expect=409),
        speaker.post(f"/runs/{run['id']}/seal", old, expect=409),
        speaker.post(f"/runs/{run['id']}/conclusion", old | {"outcome": "succeeded"}, expect=409),
        speaker.post("/workers/me/renewals", {"runs": [{"id": run["id"], "attempt": 1}]}, expect=409),
    ]
    assert {answer["code"] for answer in refused} == {"lease-lost"}
    assert Run.objects.get(pk=run["id"]).attempt == 2


def test_a_heartbeat_counts_although_every_run_it_lists_is_lost() -> None:
    here = yard()
    speaker, answer = registered(here)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE environments_worker SET lease_until = clock_timestamp() - interval '9 seconds'")
    before = Worker.objects.get(pk=answer["worker_id"]).lease_until

    speaker.post("/workers/me/renewals", {"runs": [{"id": str(uuid.uuid4()), "attempt": 1}]}, expect=409)

    assert Worker.objects.get(pk=answer["worker_id"]).lease_until > before


def test_a_cancelled_run_learns_of_it_and_may_not_seal() -> None:
    here = yard()
    speaker, _ = registered(here)
    here.deploy()
    run = claimed(speaker)

    Speaker(builders.token(here.owner)).post(f"/runs/{run['id']}/cancellation")
    renewed = speaker.post("/workers/me/renewals", {"runs": [{"id": run["id"], "attempt": 1}]})
    assert renewed["runs"][0]["cancel"] is True
    assert speaker.post(f"/runs/{run['id']}/seal", {"attempt": 1}, expect=409)["code"] == "cancelled"
    speaker.post(f"/runs/{run['id']}/conclusion", {"attempt": 1, "outcome": "cancelled"})

    assert Run.objects.get(pk=run["id"]).phase == Phase.CANCELLED


def test_a_sealed_run_cannot_be_cancelled() -> None:
    here = yard()
    speaker, _ = registered(here)
    here.deploy()
    run = claimed(speaker)
    speaker.post(f"/runs/{run['id']}/seal", {"attempt": 1})

    person = Speaker(builders.token(here.owner))
    assert person.post(f"/runs/{run['id']}/cancellation", expect=409)["code"] == "sealed"


# Who reaches what


def test_a_worker_token_reaches_nothing_but_registering() -> None:
    here = yard()
    token = worker_tokens.give(here.environment).reveal()
    client = Client(headers={"Authorization": f"Bearer {token}"})
    paths = ["/environments", f"/environments/{here.environment.pk}", "/runs", "/workers", "/events", "/board"]

    assert {client.get(f"/api/v1{path}").status_code for path in paths} == {404}
    for path in ("/workers/me/claims", "/workers/me/desired", "/workers/me/observations", "/workers/heartbeat"):
        body = {"claim_key": "k"} if path.endswith("claims") else {}
        Speaker(token).post(path, body, expect=404)


def test_the_token_that_people_are_shown_cannot_take_the_built_in_workers_place() -> None:
    here = yard()
    host = Host.objects.create(name="here", address="127.0.0.1", endpoint_first=22000, endpoint_count=20)
    Environment.objects.filter(pk=here.environment.pk).update(host=host, provisioner="process")
    own = worker_tokens.give(here.environment, Worker.Kind.BUILTIN).reveal()
    place = Speaker(own).post("/workers/register", introduction(here))
    shown = builders.rest(here.owner).get(f"/api/v1/environments/{here.environment.pk}/worker-command").json()

    assert own not in str(shown)
    # An older worker says what it is; the token decides.
    Speaker(shown["worker_token"]).post("/workers/register", introduction(here, kind="builtin"))

    kinds = Worker.objects.filter(environment=here.environment, ended_at=None).values_list("kind", flat=True)
    assert sorted(kinds) == ["builtin", "joined"]
    Speaker(place["session"]).post("/workers/me/desired")


def test_a_session_reaches_nothing_of_the_rest() -> None:
    here = yard()
    worker = here.worker()
    run = here.deploy().run
    client = Client(headers={"Authorization": f"Bearer {here.session(worker)}"})
    paths = ["/environments", f"/environments/{here.environment.pk}/worker-command", "/runs", f"/runs/{run.pk}"]
    paths += ["/workers", f"/workers/{worker.pk}", f"/runs/{run.pk}/logs", "/tokens", "/events", "/board"]

    assert {path: client.get(f"/api/v1{path}").status_code for path in paths} == dict.fromkeys(paths, 404)
    Speaker(here.session(worker)).post(f"/runs/{run.pk}/cancellation", expect=404)
    Speaker(here.session(worker)).post("/workers/register", introduction(here), expect=404)


def test_an_access_token_finds_nothing_at_the_workers_doors() -> None:
    here = yard()
    speaker = Speaker(builders.token(here.owner))
    speaker.post("/workers/me/claims", {"claim_key": "k"}, expect=404)
    speaker.post("/workers/me/desired", expect=404)
    speaker.post(f"/runs/{uuid.uuid4()}/seal", {"attempt": 1}, expect=404)


def test_a_session_sees_404_for_everything_of_another_environment() -> None:
    here = yard("development")
    there = here.another("staging")
    worker, other = here.worker(), there.worker()
    deployment = here.deploy()
    run = claimed(Speaker(here.session(worker)))
    speaker = Speaker(here.session(other))
    about = {"attempt": 1}

    speaker.post(f"/runs/{run['id']}/reports", about | {"step": {"n": 1, "name": "x", "phase": "running"}}, expect=404)
    speaker.post(f"/runs/{run['id']}/log-chunks", about | {"offset": 0, "lines": []}, expect=404)
    speaker.post(f"/runs/{run['id']}/seal", about, expect=404)
    speaker.post(f"/runs/{run['id']}/conclusion", about | {"outcome": "failed"}, expect=404)
    speaker.post(f"/workers/{worker.pk}/heartbeat", expect=404)
    speaker.post(f"/workers/{worker.pk}/disconnect", {"reason": "x"}, expect=404)
    assert speaker.post("/workers/me/desired")["slots"] == []
    lost = speaker.post("/workers/me/renewals", {"runs": [{"id": run["id"], "attempt": 1}]}, expect=409)
    assert lost["code"] == "lease-lost"
    speaker.post(
        "/workers/me/observations",
        {"slots": [{"app_id": str(here.app.pk), "deployment_id": str(deployment.pk), "number": 1, "services": []}]},
    )
    assert here.slot.observed is None


def test_an_artifact_is_handed_to_workers_of_environments_it_was_deployed_to_only() -> None:
    here = yard("development")
    there = here.another("staging")
    content = archive()
    stored = artifacts.receive(by=here.owner, app=here.app, stream=io.BytesIO(content), filename="app.tar.gz")
    release = builders.release(here.owner, here.app, artifact=stored)
    here.worker()
    from environments.delivery import deployments
    from environments.planning import plans

    deployments.carry_out(plans.propose(by=here.owner, release=release, environment=here.environment), by=here.owner)
    worker = here.worker()
    other = there.worker()

    def fetch(credential: str) -> Any:
        return Client(headers={"Authorization": f"Bearer {credential}"}).get(f"/api/v1/artifacts/{stored.pk}/content")

    answer = fetch(here.session(worker))
    assert hashlib.sha256(b"".join(answer.streaming_content)).hexdigest() == stored.sha256
    assert fetch(here.session(other)).status_code == 404
    assert fetch(worker_tokens.give(here.environment).reveal()).status_code == 404
    assert fetch(builders.token(here.owner)).status_code == 200
    assert fetch(builders.token(here.cast.stranger)).status_code == 404


def test_a_token_of_another_environment_is_404() -> None:
    here = yard("development")
    there = here.another("staging")
    token = worker_tokens.give(here.environment).reveal()
    Speaker(token).post("/workers/register", introduction(there), expect=404)
    Speaker("tpw_invented").post("/workers/register", introduction(here), expect=404)


def test_bad_tokens_from_one_address_keep_no_right_worker_token_out() -> None:
    here = yard()
    address = builders.name("address")
    wrong = Client(headers={"Authorization": "Bearer tpw_invented"}, REMOTE_ADDR=address)
    answers = {
        wrong.post("/api/v1/workers/register", json.dumps(introduction(here)), content_type="application/json")
        for _ in range(61)
    }
    assert {answer.status_code for answer in answers} == {404, 429}

    right = Speaker(worker_tokens.give(here.environment).reveal())
    right.client.defaults["REMOTE_ADDR"] = address
    right.post("/workers/register", introduction(here))


def test_what_a_worker_says_beyond_what_is_known_is_ignored_and_rubbish_is_not() -> None:
    here = yard()
    speaker = Speaker(here.session(here.worker()))
    speaker.post("/workers/me/desired", {"since": 4})
    answer = speaker.client.post("/api/v1/workers/me/desired", "rubbish", content_type="application/json")
    assert answer.status_code == 400


def test_a_farewell_is_kept_as_far_as_anybody_reads_it() -> None:
    here = yard()
    speaker, answer = registered(here)
    speaker.post(f"/workers/{answer['worker_id']}/disconnect", {"reason": "x" * 500_000})
    told = Event.objects.filter(kind="worker.disconnected").get()
    assert told.data["reason"] == "x" * 200


def test_registering_with_an_access_token_needs_the_right_to_read_the_worker_command() -> None:
    here = yard()
    assert Speaker(builders.token(here.owner)).post("/workers/register", introduction(here))["worker_token"]
    viewer = Speaker(builders.grant_token(here.cast.viewer))
    viewer.post("/workers/register", introduction(here), expect=403)
    stranger = Speaker(builders.token(here.cast.stranger))
    stranger.post("/workers/register", introduction(here), expect=404)


def test_registering_answers_the_token_to_no_cache() -> None:
    here = yard()
    token = worker_tokens.give(here.environment).reveal()
    client = Client(headers={"Authorization": f"Bearer {token}"})
    answer = client.post("/api/v1/workers/register", json.dumps(introduction(here)), content_type="application/json")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "ETag" not in answer.headers


@pytest.mark.parametrize("state", [State.PENDING, State.PROVISIONING, State.STOPPED, State.ERROR])
def test_an_environment_that_cannot_take_workers_says_provisioning(state: State) -> None:
    here = yard()
    put(here, state)
    token = worker_tokens.give(here.environment).reveal()
    assert Speaker(token).post("/workers/register", introduction(here), expect=409)["code"] == "provisioning"


def test_a_terminating_environment_takes_reports_and_gives_no_more_work() -> None:
    here = yard()
    speaker, answer = registered(here)
    here.deploy()
    run = claimed(speaker)
    put(here, State.TERMINATING)

    gone = [
        speaker.post("/workers/me/claims", {"claim_key": "other"}, expect=410),
        speaker.post("/workers/me/renewals", {"runs": []}, expect=410),
        speaker.post("/workers/me/desired", expect=410),
        speaker.post(f"/runs/{run['id']}/seal", {"attempt": 1}, expect=410),
    ]
    assert {one["code"] for one in gone} == {"environment-terminated"}
    speaker.post("/workers/me/observations", {"slots": []})
    speaker.post(f"/workers/{answer['worker_id']}/disconnect", {"reason": "terminated", "exit_code": 0})
    speaker.post("/workers/me/observations", {"slots": []}, expect=410)


def test_a_superseded_clone_is_told_to_leave() -> None:
    here = yard()
    first, answer = registered(here)
    machine = {"id": str(uuid.uuid4()), "address": "127.0.0.1", "endpoint_first": 24100, "endpoint_count": 10}
    registered(here, previous_session=answer["session"], host=machine)

    assert first.post("/workers/me/claims", {"claim_key": "k"}, expect=409)["code"] == "superseded"
    assert first.post("/workers/me/renewals", {"runs": []}, expect=409)["code"] == "superseded"


def test_an_unknown_session_and_an_unknown_protocol_are_refused() -> None:
    here = yard()
    Speaker("tps_invented").post("/workers/me/claims", {"claim_key": "k"}, expect=401)
    worker = here.worker()
    client = Client(headers={"Authorization": f"Bearer {here.session(worker)}", "Towpath-Protocol": "7"})
    answer = client.post("/api/v1/workers/me/desired", "{}", content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown-protocol")


def put(here: Yard, state: State) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE environments_environment SET state = %s WHERE id = %s", [state, here.environment.pk])


def archive() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        member = tarfile.TarInfo("hello.txt")
        member.size = 5
        tar.addfile(member, io.BytesIO(b"hello"))
    return packed.getvalue()


def test_a_worker_gone_wild_is_slowed_down_and_others_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    here = yard()
    monkeypatch.setattr(sessions, "REQUESTS", 3)
    wild, calm = Speaker(here.session(here.worker())), Speaker(here.session(here.worker()))

    answers = [wild.client.post("/api/v1/workers/me/desired", "{}", content_type="application/json") for _ in range(8)]

    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused and refused[0].headers["Retry-After"]
    calm.post("/workers/me/desired")


def test_nul_is_taken_out_of_what_a_session_says_and_refused_of_everybody_else() -> None:
    here = yard()
    speaker, answer = registered(here)
    here.deploy()
    run = claimed(speaker)
    about = {"attempt": run["attempt"]}
    step = {"n": 2, "name": "inst\0all", "phase": "running", "detail": "a\0b", "exit_code": None}
    speaker.post(f"/runs/{run['id']}/reports", about | {"step": step})
    lines = [{"at": "2026-01-01T00:00:00Z", "step": 2, "stream": "out", "text": "a\0b \\u0000", "\0more": ["\0"]}]
    assert speaker.post(f"/runs/{run['id']}/log-chunks", about | {"offset": 0, "lines": lines}) == {
        "next": 1,
        "full": False,
    }
    speaker.post("/workers/me/observations", {"slots": [], "missing": ["\0"]})
    speaker.post("/workers/me/service-logs", {"chunks": []})
    speaker.post("/workers/heartbeat", {"system_info": {"os\0": "Lin\0ux"}})
    speaker.post(
        f"/runs/{run['id']}/conclusion", about | {"outcome": "failed", "reason": "a\0b", "last_lines": ["\0c"]}
    )

    rest = builders.rest(here.owner)
    told = rest.get(f"/api/v1/runs/{run['id']}").json()
    assert (told["reason"], told["last_lines"]) == ("ab", ["c"])
    assert rest.get(f"/api/v1/runs/{run['id']}/logs").json()[0]["text"] == r"ab \u0000"
    worker = f"/api/v1/workers/{answer['worker_id']}"
    assert rest.get(worker).json()["system_info"] == {"os": "Linux"}
    body = {"system_info": {"os": "Lin\0ux"}}
    assert rest.post(f"{worker}/heartbeat", body, content_type="application/json").status_code == 400
