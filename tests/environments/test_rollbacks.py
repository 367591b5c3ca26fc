"""A rollback goes back, never around: to what was live before, with its values, under a hold."""

import pytest

from environments.delivery import rollbacks
from environments.models import Hold
from environments.planning import proposals
from projects.errors import Invalid
from tests.environments.line import Line, line, values_of
from tests.shared import built_once, fresh

pytestmark = pytest.mark.django_db


@built_once
def built() -> Line:
    built = line()
    built.deployed(built.v1, built.development)
    built.deployed(built.v2, built.development)
    built.deployed(built.v3, built.development)
    return built


@pytest.fixture
def road(built: Line) -> Line:
    return fresh(built)


def test_it_returns_to_what_was_live_before(road: Line) -> None:
    deployment = road.rolled_back(road.development)
    slot = road.slot(road.development)
    assert (deployment.kind, deployment.release, deployment.previous_release) == ("rollback", road.v2, road.v3)
    assert slot.live == deployment and slot.previous.release == road.v3


def test_twice_goes_further_back_and_then_there_is_nothing(road: Line) -> None:
    road.rolled_back(road.development)
    assert road.rolled_back(road.development).release == road.v1
    with pytest.raises(proposals.NothingToRollBackTo, match="Nothing was live in development before") as refusal:
        road.rolled_back(road.development)
    assert refusal.value.code == "no-rollback-target"


def test_a_redeploy_in_between_does_not_confuse_it(road: Line) -> None:
    road.deployed(road.v3, road.development)
    assert road.rolled_back(road.development).release == road.v2


def test_a_failed_deployment_is_never_returned_to(road: Line) -> None:
    v4, v5 = road.house.release(road.app, "4.0"), road.house.release(road.app, "5.0")
    road.house.ended(road.deploy(v4, road.development), "failed")
    road.deployed(v5, road.development)
    assert road.rolled_back(road.development).release == road.v3


def test_an_earlier_release_can_be_named(road: Line) -> None:
    assert road.rolled_back(road.development, release=road.v1).release == road.v1


def test_a_deployment_can_be_named(road: Line) -> None:
    first = road.app.deployments.get(release=road.v1)
    deployment = road.rolled_back(road.development, to_deployment=first)
    assert (deployment.release, deployment.returns_to) == (road.v1, first)


def test_it_runs_from_the_directory_that_was_made_first(road: Line) -> None:
    """2.0 was built once; a rollback to a rollback to it still points at that directory."""
    built = road.app.deployments.get(release=road.v2)
    back = road.rolled_back(road.development)
    assert back.returns_to == built
    v4 = road.house.release(road.app, "4.0")
    road.house.live(v4, road.development)
    assert road.rolled_back(road.development).returns_to == built


def test_what_came_later_is_not_rolled_back_to(road: Line) -> None:
    """Else a token could walk around the hold that its own rollback set."""
    road.rolled_back(road.development)
    with pytest.raises(proposals.NothingToRollBackTo, match=r"3\.0 went live in development after 2\.0 first did"):
        road.rolled_back(road.development, release=road.v3)


def test_what_is_live_already_is_refused(road: Line) -> None:
    with pytest.raises(proposals.NothingToRollBackTo, match="live in development already"):
        road.rolled_back(road.development, release=road.v3)


def test_what_never_ran_there_is_refused(road: Line) -> None:
    v4 = road.house.release(road.app, "4.0")
    with pytest.raises(proposals.NothingToRollBackTo, match="never live in development"):
        road.rolled_back(road.development, release=v4)


def test_a_deployment_of_elsewhere_is_refused(road: Line) -> None:
    road.deployed(road.v1, road.staging)
    elsewhere = road.app.deployments.get(environment=road.staging)
    with pytest.raises(Invalid, match="to_deployment_id"):
        road.rolled_back(road.development, to_deployment=elsewhere)


def test_where_nothing_is_deployed_there_is_nothing_to_roll_back(road: Line) -> None:
    with pytest.raises(proposals.NotDeployed):
        road.rolled_back(road.production)


def test_it_brings_back_the_values_it_ran_with(road: Line) -> None:
    road.configure(road.development, MODE="new")
    road.development.refresh_from_db()
    v4 = road.house.release(road.app, "4.0")
    road.deployed(v4, road.development)
    assert values_of(road.slot(road.development).live) == {"MODE": "new"}
    assert values_of(road.rolled_back(road.development)) == {}


def test_it_sets_a_hold_that_says_why(road: Line) -> None:
    deployment = road.rolled_back(road.development, reason="checkout is broken")
    hold = Hold.objects.get(slot=road.slot(road.development), lifted_at=None)
    assert hold.reason == "Rolled back from 3.0 to 2.0: checkout is broken"
    assert hold.created_by == deployment.created_by == road.owner.label


def test_a_rollback_that_failed_sets_no_hold_and_changes_nothing(road: Line) -> None:
    asked = rollbacks.roll_back(by=road.owner, app=road.app, environment=road.development)
    road.house.ended(asked, "failed")
    slot = road.slot(road.development)
    assert slot.live.release == road.v3 and slot.target == slot.live
    assert not Hold.objects.exists()


def test_it_is_exempt_from_the_stage_before(road: Line) -> None:
    road.deployed(road.v1, road.staging)
    road.deployed(road.v2, road.staging)
    road.rolled_back(road.development)
    road.rolled_back(road.development)
    assert road.rolled_back(road.staging).release == road.v1


def test_a_token_may_roll_back_under_a_hold(road: Line) -> None:
    road.rolled_back(road.development)
    assert road.rolled_back(road.development, by=road.house.token()).release == road.v1
