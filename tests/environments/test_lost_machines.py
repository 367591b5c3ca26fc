"""A machine that is gone for good binds nobody: what lived on it can be removed and lives elsewhere."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from environments import cancellations, hosts, retries
from environments.delivery import removals
from environments.doing import assignments, overseeing
from environments.models import Endpoint, Environment, Phase, Run, State, Worker
from environments.planning import plans
from tests.environments.line import Line, line

pytestmark = pytest.mark.django_db


@pytest.fixture
def road() -> Line:
    return line()


def lost(worker: Worker, *, minutes: int) -> None:
    Worker.objects.filter(pk=worker.pk).update(
        lost_at=Now() - timedelta(minutes=minutes), lease_until=Now() - timedelta(minutes=minutes)
    )


def worker_of(road: Line) -> Worker:
    return road.house.workers[road.development.id]


def replaced(road: Line, *, minutes: int = 11) -> tuple[Worker, Worker]:
    """The machine of development is lost, and another one has joined instead."""
    before = worker_of(road)
    lost(before, minutes=minutes)
    return before, road.house.worker(road.development)


def told(road: Line, kind: str) -> str:
    plan = plans.propose(
        by=road.owner,
        app=road.app,
        environment=road.development,
        kind=kind,
        release=None if kind == "removal" else road.v2,
    )
    return next(gate["sentence"] for gate in plan.gates if gate["code"] == "environment")


def test_what_was_removed_is_bound_to_no_machine(road: Line) -> None:
    road.deployed(road.v1, road.development)
    road.house.ended(removals.remove(by=road.owner, app=road.app, environment=road.development))
    slot = road.slot(road.development)
    assert (slot.placement, slot.observed) == (None, None)

    _, here = replaced(road)
    road.deployed(road.v2, road.development)

    assert road.slot(road.development).placement == here.host
    assert Endpoint.objects.get(app=road.app, released_at=None).host == here.host


def asked_long_ago() -> None:
    Run.objects.filter(deployment__kind="removal").update(created_at=Now() - hosts.GONE_AFTER - timedelta(minutes=1))


def test_what_is_live_on_a_machine_that_is_gone_is_removed_without_it_and_lives_elsewhere(road: Line) -> None:
    road.deployed(road.v1, road.development)
    gone, here = replaced(road)
    assert "remove shop here first" in told(road, "deploy")
    assert "until none has been heard of for 10 minutes" in told(road, "removal")
    asked = removals.remove(by=road.owner, app=road.app, environment=road.development)
    overseeing.unstick()
    assert Run.objects.get(deployment=asked).phase == Phase.QUEUED, "the machine has as long to come back as it says"
    asked_long_ago()

    overseeing.unstick()

    run = Run.objects.get(deployment=asked)
    assert run.phase == Phase.SUCCEEDED and gone.hostname in run.reason and "if the machine comes back" in run.reason
    assert not Endpoint.objects.filter(released_at=None).exists()
    road.deployed(road.v2, road.development)
    assert road.slot(road.development).placement == here.host
    assert [slot["app"]["name"] for slot in assignments.desired(here)["slots"]] == ["shop"]
    assert assignments.desired(gone)["slots"] == [], "come back, it stops what it still runs"


@pytest.mark.parametrize("why", ["lost for a short while", "another worker is there", "the environment is in error"])
def test_a_removal_waits_for_a_machine_that_may_be_there(road: Line, why: str) -> None:
    road.deployed(road.v1, road.development)
    before, _ = replaced(road, minutes=9 if why == "lost for a short while" else 11)
    removals.remove(by=road.owner, app=road.app, environment=road.development)
    asked_long_ago()
    if why == "another worker is there":
        Worker.objects.filter(pk=worker_of(road).pk).update(host=before.host)
    elif why == "the environment is in error":
        Environment.objects.filter(pk=road.development.pk).update(**{"state": State.ERROR})

    overseeing.unstick()

    assert Run.objects.get(deployment__kind="removal").phase == Phase.QUEUED


def test_a_first_deployment_that_never_started_binds_the_app_to_nothing(road: Line) -> None:
    asked = road.deploy(road.v1, road.development)
    before, here = replaced(road)
    cancellations.cancel(Run.objects.get(deployment=asked), by=road.owner)
    assert road.slot(road.development).placement is None

    road.deployed(road.v2, road.development)

    assert road.slot(road.development).placement == here.host
    assert Endpoint.objects.get(app=road.app, released_at=None).host == here.host
    assert Endpoint.objects.get(app=road.app, host=before.host).released_at


def test_a_first_deployment_that_failed_is_retried_where_a_worker_is(road: Line) -> None:
    asked = road.deploy(road.v1, road.development)
    road.house.ended(asked, "failed")
    _, here = replaced(road)

    retries.retry(Run.objects.get(deployment=asked), by=road.owner)
    answer = assignments.take(here, "key")["run"]

    assert answer is not None and answer["endpoints"].keys() == {"web"}
    assert Endpoint.objects.get(app=road.app, released_at=None).host == here.host


def test_what_failed_beside_something_live_stays_where_that_is(road: Line) -> None:
    road.deployed(road.v1, road.development)
    home = worker_of(road).host
    road.house.ended(road.deploy(road.v2, road.development), "failed")

    assert road.slot(road.development).placement == home
