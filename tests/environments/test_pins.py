"""What a deployment pins, what stands in its way, what goes back in a rollback, and what has been overtaken since."""

from typing import Any

import pytest

from environments import lifecycle, retries
from environments.configuration import secrets, variables
from environments.delivery import deployments
from environments.doing import assignments, overtaking
from environments.models import Deployment, Entry, Phase, Slot
from environments.planning import plans
from environments.resolving.scopes import Scope
from projects.credentials import Secret
from tests.environments.line import Line, line, values_of
from tests.shared import built_once, fresh

pytestmark = pytest.mark.django_db
NEEDY = """
services:
  - {name: web, run: "serve --port $PORT"}
requires:
  variables: [REGION, {name: WORKERS, type: number}, {name: HOST, pattern: "[a-z.]+"}]
  secrets: [TOKEN]
"""


built = built_once(line)


@pytest.fixture
def road(built: Line) -> Line:
    return fresh(built)


def hide(road: Line, key: str, value: str, **scope: Any) -> Entry:
    return secrets.create(
        Scope(**(scope or {"environment": road.development})), by=road.owner, key=key, value=Secret(value)
    )


def gate_of(plan: Any, code: str = "configuration") -> dict[str, Any]:
    return next((gate for gate in plan.gates if gate["code"] == code), {})


def taken(road: Line, deployment: Deployment) -> dict[str, Any]:
    return assignments.specification(road.house.claimed(deployment))


def overtaken(road: Line) -> int:
    overtaking.settle_all()
    return Slot.objects.get(app=road.app, environment=road.development).overtaken


def test_a_worker_is_given_what_was_pinned_and_what_to_mask(road: Line) -> None:
    road.configure(road.development, HOST="db", URL="x://me:{{TOKEN}}@{{HOST}}")
    token = hide(road, "TOKEN", "s3cret")
    deployment = road.deploy(road.v1, road.development)
    secrets.update(token, by=road.owner, value=Secret("newer"))
    road.configure(road.development, HOST="other")

    told = taken(road, deployment)

    assert {key: told["env"][key] for key in ("HOST", "URL", "TOKEN")} == {
        "HOST": "db", "URL": "x://me:s3cret@db", "TOKEN": "s3cret"
    }  # fmt: skip
    assert set(told["masks"]) == {"s3cret", "x://me:s3cret@db"}


def test_a_release_that_lacks_what_it_requires_is_blocked_and_each_key_is_named(road: Line) -> None:
    release = road.house.release(road.app, "9.0", manifest=NEEDY)
    road.configure(road.development, WORKERS="many", HOST="DB 1", TOKEN="open")

    plan = plans.propose(by=road.owner, release=release, environment=road.development)

    assert plan.blocked
    assert gate_of(plan)["sentence"] == (
        "4 keys have no value that shop 9.0 could run with in development: "
        "HOST: does not match the pattern [a-z.]+; REGION: the variable is not set; "
        "TOKEN: is set as a variable, but has to be a secret; WORKERS: is not a number, such as 30 or 0.5."
    )
    with pytest.raises(plans.Blocked):
        deployments.carry_out(plan, by=road.owner)

    road.configure(road.development, WORKERS="4", HOST="db.one", REGION="north")
    hide(road, "TOKEN", "x")
    plan = plans.propose(by=road.owner, release=release, environment=road.development)
    assert not plan.blocked and gate_of(plan)["passed"]


def test_what_cannot_be_resolved_blocks_also_where_nobody_requires_it(road: Line) -> None:
    road.configure(road.development, URL="{{NOWHERE}}")

    plan = plans.propose(by=road.owner, release=road.v1, environment=road.development)

    assert "URL refers to {{NOWHERE}}, which is set nowhere here" in gate_of(plan)["sentence"]


def test_names_that_an_environment_requires_are_required_of_everything_there(road: Line) -> None:
    lifecycle.update(road.development, by=road.owner, execution_environment={"secrets": ["TOKEN"]})
    road.development.refresh_from_db()

    plan = plans.propose(by=road.owner, release=road.v1, environment=road.development)
    assert "TOKEN: the secret is not set" in gate_of(plan)["sentence"]

    hide(road, "TOKEN", "x")
    assert not plans.propose(by=road.owner, release=road.v1, environment=road.development).blocked


def test_a_secret_that_changes_is_told_in_dots(road: Line) -> None:
    token = hide(road, "TOKEN", "first-one")
    road.configure(road.development, URL="x://{{TOKEN}}")
    road.deployed(road.v1, road.development)
    secrets.update(token, by=road.owner, value=Secret("second-one"))

    plan = plans.propose(by=road.owner, release=road.v2, environment=road.development)

    assert [(each["key"], each["masked"]) for each in plan.configuration_changes] == [("TOKEN", True), ("URL", True)]
    assert "-one" not in str(plan.configuration_changes) and plan.configuration_changes[0]["after_version"] == 2


def test_a_rollback_brings_back_release_or_configuration_or_both(road: Line) -> None:
    road.configure(road.development, MODE="old")
    road.deployed(road.v1, road.development)
    road.configure(road.development, MODE="new")
    road.deployed(road.v2, road.development)
    first = Deployment.objects.get(release=road.v1)

    def planned(**wish: Any) -> tuple[str, dict[str, str]]:
        plan = plans.propose(by=road.owner, app=road.app, environment=road.development, **wish)
        return plan.release.version, values_of(deployments.carry_out(plan, by=road.owner))

    both = plans.propose(by=road.owner, app=road.app, environment=road.development, kind="rollback")
    assert [(each["then"], each["before"], each["after"]) for each in both.configuration_changes] == [
        ("old", "new", "old")
    ]

    def undone(**wish: Any) -> tuple[str, dict[str, str]]:
        found = planned(**wish)
        road.house.ended(Deployment.objects.order_by("number").last(), outcome="failed")
        return found

    assert undone(kind="rollback") == ("1.0", {"MODE": "old"})
    assert undone(kind="rollback", configuration="pinned") == ("1.0", {"MODE": "new"})
    only = {"kind": "redeploy", "configuration": "of_deployment", "to_deployment": first}
    assert undone(**only) == ("2.0", {"MODE": "old"})


def test_a_revoked_version_is_never_brought_back(road: Line) -> None:
    password = hide(road, "DB_PASSWORD", "leaked")
    road.deployed(road.v1, road.development)
    secrets.update(password, by=road.owner, value=Secret("fresh"))
    road.deployed(road.v2, road.development)
    secrets.revoke(password, 1, by=road.owner, destroy=True)

    plan = plans.propose(by=road.owner, app=road.app, environment=road.development, kind="rollback")

    assert "kept current: DB_PASSWORD v2, v1 is revoked" in gate_of(plan)["sentence"]
    assert values_of(deployments.carry_out(plan, by=road.owner)) == {"DB_PASSWORD": "fresh"}


def test_a_version_revoked_between_the_plan_and_the_claim_ends_the_run_by_name(road: Line) -> None:
    token = hide(road, "TOKEN", "x")
    deployment = road.deploy(road.v1, road.development)
    secrets.revoke(token, 1, by=road.owner)
    worker = road.house.workers[road.development.id]

    assert assignments.take(worker, "key")["run"] is None

    deployment.run.refresh_from_db()
    assert deployment.run.phase == Phase.ERRORED
    assert "TOKEN v1 is revoked" in deployment.run.reason


def test_what_runs_is_told_how_many_of_its_values_have_been_overtaken(road: Line) -> None:
    road.configure(road.development, A="1", B="{{A}}", C="1")
    road.deployed(road.v1, road.development)
    assert overtaken(road) == 0

    road.configure(road.development, A="2", B="{{A}}", C="1")
    assert overtaken(road) == 2, "what changed and what refers to it"
    variables.create(Scope(), by=road.owner, key="WIDE", value="x")
    assert overtaken(road) == 3
    variables.create(Scope(app=road.app, environment=road.staging), by=road.owner, key="ELSEWHERE", value="x")
    assert overtaken(road) == 3

    road.deployed(road.v1, road.development)
    assert overtaken(road) == 0


def test_the_gate_measures_what_a_worker_would_be_given(road: Line) -> None:
    hide(road, "A", "a" * 40_000)
    hide(road, "B", "b" * 40_000)
    road.configure(road.development, BOTH="{{A}}{{B}}")

    plan = plans.propose(by=road.owner, release=road.v1, environment=road.development)

    assert plan.blocked and "BOTH becomes longer than 64 kB" in gate_of(plan)["sentence"]


def test_another_attempt_is_judged_by_the_values_it_runs_with(road: Line) -> None:
    release = road.house.release(road.app, "9.0", manifest=NEEDY)
    road.configure(road.development, WORKERS="4", HOST="db.one", REGION="north")
    hide(road, "TOKEN", "x")
    failed = road.house.ended(road.deploy(release, road.development), outcome="failed")
    road.configure(road.development)

    retries.retry(failed.run, by=road.owner)

    assert taken(road, failed)["env"]["REGION"] == "north"
