"""Environments over REST: the contract's fields, the derived status, and lists that cost the same at any size."""

import shlex
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from environments import lifecycle
from environments.models import Environment, Run, Worker
from projects.models import Event
from tests import builders
from tests.doors.rest import ROOT, delete, fields, get, is_problem, patch, post

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    return builders.cast()


@pytest.fixture
def client(cast):
    return builders.rest(cast.admin)


def make(client, name: str = "qa", **more) -> dict:
    response = post(client, "/environments", {"name": name, "provisioner": "external"} | more)
    assert response.status_code == 201, response.content
    return response.json()


def in_state(made: dict, state: str, **columns) -> None:
    """The state machine has tests of its own; here only its outward view matters."""
    Environment.objects.filter(pk=made["id"]).update(state=state, **columns)


def worker_in(made: dict, cast, *, status: str = "idle", alive: bool = True) -> Worker:
    lease = timezone.now() + timedelta(seconds=30 if alive else -30)
    return Worker.objects.create(
        organization=cast.organization, environment_id=made["id"], kind="joined", hostname="node", status=status,
        session_digest=builders.name("digest"), lease_until=lease, last_heartbeat_at=timezone.now(),
    )  # fmt: skip


def test_creating_answers_every_field_and_queues_the_provisioning(client):
    made = make(
        client, "Staging", description="To try things", status="active", tags=["eu"], priority=7, display_name="St.",
        configuration={"max_workers": 10, "timeout_seconds": 3600, "other": 1}, metadata={"team": "platform"},
        settings={"a": [1]}, execution_environment={"env_vars": {"MODE": "test"}, "secrets": []},
    )  # fmt: skip
    assert (made["name"], made["status"], made["state"], made["tier"]) == (
        "Staging",
        "provisioning",
        "pending",
        "staging",
    )
    assert (made["kind"], made["priority"], made["tags"], made["protected"]) == ("permanent", 7, ["eu"], False)
    assert made["configuration"] == {"max_workers": 10, "timeout_seconds": 3600, "other": 1}
    assert made["execution_environment"] == {
        "env_vars": {"MODE": "test"}, "secrets": [], "integration_ids": [], "mcp_servers": {}
    }  # fmt: skip
    assert (made["active_workers"], made["endpoints"], made["metrics"]) == (0, [], {})
    run = Run.objects.get(environment=made["id"])
    assert (str(run.id), run.kind) == (made["provisioning_workflow_id"], "provision")
    assert make(client, "other")["temporal_namespace"] != made["temporal_namespace"]


@pytest.mark.parametrize("value", ["[" * 240 + "]" * 240, str(2**64), str(-(2**63) - 1), "1e300", "[{}, 1e20]"])
def test_what_could_not_be_told_again_is_refused_wherever_it_stands_and_the_list_stays(client, value):
    made = make(client)
    for body in (f'{{"metadata": {{"a": {value}}}}}', f'{{"id": {value}}}'):
        one = client.patch(f"{ROOT}/environments/{made['id']}", body, content_type="application/json")
        another = client.post(f"{ROOT}/environments", '{"name": "b", ' + body[1:], content_type="application/json")
        assert is_problem(one, 400) and is_problem(another, 400)
    assert [one["metadata"] for one in get(client, "/environments").json() if one["id"] == made["id"]] == [{}]


def test_numbers_of_64_bits_are_told_as_they_were_sent(client):
    told = {"a": 2**64 - 1, "b": 1 - 2**63, "c": 1.5e18, "d": 1e-300}
    assert get(client, f"/environments/{make(client, metadata=told)['id']}").json()["metadata"] == told


def test_a_name_is_taken_regardless_of_case(client):
    make(client, "qa")
    assert is_problem(post(client, "/environments", {"name": "QA"}), 409, "name-taken")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": "a"}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "semi;colon"}, "name"),
        ({"name": 5}, "name"),
        ({"name": None}, "name"),
        ({"name": "qa", "priority": 0}, "priority"),
        ({"name": "qa", "priority": 11}, "priority"),
        ({"name": "qa", "priority": "5"}, "priority"),
        ({"name": "qa", "priority": True}, "priority"),
        ({"name": "qa", "protected": "yes"}, "protected"),
        ({"name": "qa", "status": "paused"}, "status"),
        ({"name": "qa", "tier": "moon"}, "tier"),
        ({"name": "qa", "kind": "permanent", "project_id": "11111111-1111-1111-1111-111111111111"}, "project_id"),
        ({"name": "qa", "configuration": {"max_workers": 0}}, "configuration.max_workers"),
        ({"name": "qa", "configuration": {"timeout_seconds": "1"}}, "configuration.timeout_seconds"),
        ({"name": "qa", "metadata": {"a": "x" * 17_000}}, "metadata"),
        ({"name": "qa", "metadata": []}, "metadata"),
        ({"name": "qa", "policy_ids": ["x"]}, "policy_ids"),
        ({"name": "qa", "provisioner": "docker"}, "provisioner"),
        ({"name": "qa", "execution_environment": {"secrets": ["1x"]}}, "execution_environment.secrets"),
        ({"name": "qa", "execution_environment": {"nonsense": 1}}, "execution_environment.nonsense"),
        ({"name": "qa", "execution_environment": {"env_vars": {"LD_PRELOAD": "x"}}},
         "execution_environment.env_vars.LD_PRELOAD"),
        ({"name": "qa", "tags": "eu"}, "tags"),
        ({"name": "qa", "ttl": "1h"}, "ttl"),
    ],
)  # fmt: skip
def test_a_field_that_is_wrong_is_named_and_nothing_is_made(client, body, field):
    assert field in fields(post(client, "/environments", body))
    assert not Environment.objects.exists()


def test_the_status_is_derived_from_state_and_live_workers(client, cast):
    made = make(client)
    path = f"/environments/{made['id']}"
    for state, status in {
        "pending": "provisioning", "provisioning": "provisioning", "running": "ready", "stopping": "inactive",
        "stopped": "inactive", "error": "error", "terminating": "inactive", "sleeping": "inactive",
    }.items():  # fmt: skip
        in_state(made, state)
        assert get(client, path).json()["status"] == status
        assert [row["id"] for row in get(client, f"/environments?status_filter={status}").json()] == [made["id"]]
    in_state(made, "running")
    worker_in(made, cast, alive=False)
    assert get(client, path).json()["status"] == "ready"
    worker_in(made, cast), worker_in(made, cast, status="busy")  # which holds no run, whatever it says
    shown = get(client, path).json()
    assert (shown["status"], shown["active_workers"], shown["idle_workers"], shown["busy_workers"]) == (
        "active",
        2,
        2,
        0,
    )
    assert get(client, "/environments?status_filter=ready").json() == []
    assert len(get(client, "/environments?status_filter=active").json()) == 1
    assert fields(get(client, "/environments?status_filter=asleep")) == {"status_filter"}


def test_filters_narrow_the_list(client, cast):
    make(client, "production", tags=["eu", "core"])
    make(client, "qa", description="Quality")
    assert [row["name"] for row in get(client, "/environments?tag=eu").json()] == ["production"]
    assert [row["name"] for row in get(client, "/environments?tier=production").json()] == ["production"]
    assert [row["name"] for row in get(client, "/environments?q=QUALI").json()] == ["qa"]
    assert get(client, "/environments?kind=ephemeral").json() == []
    assert get(client, "/environments?tier=moon").status_code == 422


def test_a_list_takes_the_same_number_of_statements_at_any_size(client, cast):
    def statements() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert get(client, "/environments?limit=1000").status_code == 200
        return len(captured)

    worker_in(make(client, "first"), cast)
    before = statements()
    for n in range(12):
        worker_in(make(client, f"environment-{n}"), cast)
    assert statements() == before <= 8


def test_a_change_replaces_a_field_whole_and_null_clears_it(client):
    made = make(client, configuration={"max_workers": 2, "other": 1}, description="old")
    path = f"/environments/{made['id']}"
    changed = patch(client, path, {"configuration": {"max_workers": 3}, "description": None, "name": "qa-2"}).json()
    assert (changed["configuration"], changed["description"], changed["name"]) == ({"max_workers": 3}, "", "qa-2")
    assert changed["temporal_namespace"] == made["temporal_namespace"]
    changed = patch(client, path, {"execution_environment": {"mcp_servers": {"a": {}}}}).json()
    assert changed["execution_environment"]["mcp_servers"] == {"a": {}}
    changed = patch(client, path, {"execution_environment": {"env_vars": {"A": "1"}}}).json()
    assert changed["execution_environment"] == {
        "env_vars": {"A": "1"}, "secrets": [], "integration_ids": [], "mcp_servers": {"a": {}}
    }  # fmt: skip


def test_what_was_read_may_be_sent_back_whole(client, cast):
    made = make(client)
    in_state(made, "running")
    worker_in(made, cast)
    whole = get(client, f"/environments/{made['id']}").json()
    assert whole["status"] == "active"
    before = Event.objects.count()
    assert patch(client, f"/environments/{made['id']}", whole).status_code == 200
    assert Event.objects.count() == before
    assert fields(patch(client, f"/environments/{made['id']}", {"state": "stopped"})) == {"state"}
    assert fields(patch(client, f"/environments/{made['id']}", {"status": "ready-ish"})) == {"status"}
    assert fields(patch(client, f"/environments/{made['id']}", {"kind": "ephemeral"})) == {"kind"}


def test_what_was_measured_may_have_moved_only_for_who_has_read_it(client, cast):
    made = make(client)
    in_state(made, "running")
    path = f"/environments/{made['id']}"
    read = get(client, path)
    worker_in(made, cast)
    assert patch(client, path, read.json() | {"status": "active", "description": "new"}).status_code == 200
    tag = get(client, path)["ETag"]
    assert patch(client, path, {"active_workers": 7, "description": "newer"}, If_Match=tag).status_code == 200
    assert patch(client, path, {"active_workers": 1, "endpoints": []}).status_code == 200
    assert fields(patch(client, path, {"active_workers": 7, "metrics": {"cpu": 1}})) == {"active_workers", "metrics"}
    assert fields(patch(client, path, {"active_workers": 7}, If_Match="*")) == {"active_workers"}
    odd = get(client, path).json() | {"active_workers": "many", "endpoints": {}}
    assert fields(patch(client, path, odd)) == {"active_workers", "endpoints"}


def test_a_status_that_comes_alone_is_asked_for_also_where_it_is_so_already(client, cast):
    made = make(client)
    in_state(made, "running")
    worker_in(made, cast)
    path = f"/environments/{made['id']}"
    assert patch(builders.rest(cast.operator), path, {"status": "active"}).status_code == 200
    assert is_problem(patch(builders.rest(cast.viewer), path, {"status": "active"}), 403)


def test_inactive_stops_and_active_starts(client):
    made = make(client)
    in_state(made, "running")
    Run.objects.filter(environment=made["id"]).update(phase="succeeded")
    path = f"/environments/{made['id']}"
    assert patch(client, path, {"status": "inactive"}).json()["state"] == "stopping"
    assert Run.objects.filter(environment=made["id"], kind="stop").count() == 1
    Run.objects.filter(environment=made["id"]).update(phase="succeeded")
    in_state(made, "stopped")
    assert patch(client, path, {"status": "active"}).json()["status"] == "provisioning"
    assert Run.objects.filter(environment=made["id"], kind="start").count() == 1


def test_inactive_is_a_wish_where_it_is_stopping_and_meant_to_start_again(client):
    made = make(client)
    in_state(made, "stopping", wanted="active")
    assert get(client, f"/environments/{made['id']}").json()["status"] == "inactive"
    patch(client, f"/environments/{made['id']}", {"status": "inactive"})
    assert Environment.objects.get(pk=made["id"]).wanted == "inactive"


def test_an_act_takes_nothing_that_it_does_not_know(client):
    made = make(client)
    in_state(made, "running")
    for act, body in (("stop", {"hibernate": True}), ("start", {"ttl": 1})):
        assert fields(post(client, f"/environments/{made['id']}/{act}", body)) == set(body)
    assert Environment.objects.get(pk=made["id"]).wanted == "active"


def test_start_and_stop_are_acts_of_their_own(client):
    made = make(client)
    in_state(made, "running")
    Run.objects.filter(environment=made["id"]).update(phase="succeeded")
    stopped = post(client, f"/environments/{made['id']}/stop")
    assert (stopped.status_code, stopped.json()["state"]) == (200, "stopping")
    assert fields(post(client, f"/environments/{made['id']}/stop?hibernate=true")) == {"hibernate"}


def test_a_tag_of_the_thing_itself_does_not_change_with_its_measurements(client, cast):
    made = make(client)
    in_state(made, "running")
    worker_in(made, cast)
    path = f"/environments/{made['id']}"
    tag = get(client, path)["ETag"]
    worker_in(made, cast)
    assert get(client, path, If_None_Match=tag).status_code == 200
    assert patch(client, path, {"description": "new"}, If_Match=tag).status_code == 200
    assert is_problem(patch(client, path, {"description": "newer"}, If_Match=tag), 412)


def test_after_deletion_it_is_404_and_its_name_is_free(client):
    made = make(client)
    assert delete(client, f"/environments/{made['id']}").status_code == 204
    assert is_problem(get(client, f"/environments/{made['id']}"), 404)
    assert is_problem(delete(client, f"/environments/{made['id']}"), 404)
    assert get(client, "/environments").json() == []
    assert make(client)["id"] != made["id"]


def test_the_default_environment_a_protected_one_and_a_member_of_a_chain_stay(client, cast):
    default = lifecycle.begin(cast.organization, by=cast.owner)
    patch(client, f"/environments/{default.id}", {"name": "renamed"})
    assert is_problem(delete(client, f"/environments/{default.id}"), 409)
    protected = make(client, "prod", protected=True)
    assert is_problem(delete(client, f"/environments/{protected['id']}"), 409)
    make(client, "dev")
    post(client, "/chains", {"name": "c", "stages": [{"name": "s", "environments": ["dev"]}]})
    answer = delete(client, f"/environments/{lifecycle.find(cast.admin, 'dev').id}")
    assert is_problem(answer, 409) and "chain" in answer.json()["detail"]


def test_the_worker_command_can_be_pasted_and_reading_it_is_an_event(client, settings):
    settings.TOWPATH_PUBLIC_URL = "https://towpath.example"
    made = make(client, "my qa")
    answer = get(client, f"/environments/{made['id']}/worker-command")
    shown = answer.json()
    words = shlex.split(shown["command"])
    assert words[:3] == ["towpath", "worker", "start"]
    flags = dict(zip(words[3::2], words[4::2], strict=True))
    assert flags == {"--token": shown["worker_token"], "--environment": "my qa", "--server": "https://towpath.example"}
    assert shown["command_parts"]["flags"] == {name.lstrip("-"): value for name, value in flags.items()}
    assert (shown["environment_name"], shown["temporal_namespace"]) == ("my qa", made["temporal_namespace"])
    assert answer["Cache-Control"] == "no-store" and not answer.has_header("ETag")
    assert Event.objects.filter(kind="worker_token.read", environment_id=made["id"]).count() == 1
    assert shown["worker_token"] not in str(list(Event.objects.values()))


def test_the_server_of_the_command_is_the_one_that_was_asked(client, settings):
    settings.TOWPATH_PUBLIC_URL = ""
    made = make(client)
    shown = client.get(f"/api/v1/environments/{made['id']}/worker-command", headers={"host": "ci.example:8000"}).json()
    assert shown["command_parts"]["flags"]["server"] == "http://ci.example:8000"


def test_an_operator_makes_ephemeral_environments_of_a_project_and_no_permanent_ones(client, cast):
    operator, project = builders.rest(cast.operator), builders.project(cast.admin)
    body = {"name": "pr-1", "provisioner": "external", "project_id": str(project.id)}
    made = post(operator, "/environments", body)
    assert (made.status_code, made.json()["kind"], made.json()["project_id"]) == (201, "ephemeral", str(project.id))
    assert is_problem(post(operator, "/environments", {"name": "pr-2", "provisioner": "external"}), 403)
    assert is_problem(post(builders.rest(cast.viewer), "/environments", body | {"name": "pr-3"}), 403)
    make(client, "qa")
    for query in ("kind=ephemeral", f"project={project.key.lower()}"):
        assert [row["name"] for row in get(client, f"/environments?{query}").json()] == ["pr-1"]
    foreign = builders.project(cast.stranger)
    assert is_problem(post(operator, "/environments", body | {"name": "pr-4", "project_id": str(foreign.id)}), 404)
    assert delete(operator, f"/environments/{made.json()['id']}").status_code == 204


def test_an_environment_is_based_on_another_by_id_or_name_and_circles_are_refused(client, cast):
    base = make(client, "base")
    made = make(client, "qa", based_on=base["id"])
    assert (base["based_on"], made["based_on"]) == (None, base["id"])

    refused = patch(client, f"/environments/{base['id']}", {"based_on": "qa"})
    assert is_problem(refused, 422) and fields(refused) == {"based_on"}
    assert "in a circle: base -> qa -> base" in refused.json()["errors"][0]["message"]
    assert is_problem(post(client, "/environments", {"name": "other", "based_on": "nowhere"}), 422)
    assert patch(client, f"/environments/{made['id']}", {"based_on": "BASE"}).json()["based_on"] == base["id"]
    assert patch(client, f"/environments/{made['id']}", {"based_on": None}).json()["based_on"] is None
