"""A removal drains an app's services in one environment and frees its addresses."""

import pytest
from django.db.models.functions import Now

from environments import lifecycle, retries
from environments.delivery import removals
from environments.models import Endpoint, Host
from environments.planning import addresses, plans, proposals
from projects import apps
from projects.errors import Conflict, Invalid
from tests.environments.line import Line, line
from tests.shared import built_once, fresh

pytestmark = pytest.mark.django_db


@built_once
def built() -> Line:
    built = line()
    built.deployed(built.v1, built.development)
    return built


@pytest.fixture
def road(built: Line) -> Line:
    return fresh(built)


def test_nothing_is_live_afterwards_and_the_address_is_free(road: Line) -> None:
    deployment = road.house.ended(removals.remove(by=road.owner, app=road.app, environment=road.development))
    slot = road.slot(road.development)
    assert (deployment.kind, deployment.release, deployment.previous_release) == ("removal", None, road.v1)
    assert (slot.live, slot.target, slot.live_since) == (None, None, None)
    assert not Endpoint.objects.filter(released_at=None).exists()


def test_until_it_has_succeeded_the_app_stays_and_so_does_its_address(road: Line) -> None:
    asked = removals.remove(by=road.owner, app=road.app, environment=road.development)
    assert Endpoint.objects.filter(released_at=None).exists()
    road.house.ended(asked, "failed")
    assert road.slot(road.development).live.release == road.v1
    assert Endpoint.objects.filter(released_at=None).exists()


def test_what_is_not_there_cannot_be_removed(road: Line) -> None:
    with pytest.raises(proposals.NotDeployed):
        removals.remove(by=road.owner, app=road.app, environment=road.staging)


def test_what_never_went_live_gives_its_address_back(road: Line) -> None:
    other = road.house.app("other", project=road.app.project)
    release = road.house.release(other, "1")
    road.house.ended(road.deploy(release, road.development), "failed")
    road.house.ended(removals.remove(by=road.owner, app=other, environment=road.development))
    assert not Endpoint.objects.filter(app=other, released_at=None).exists()


def test_a_protected_environment_wants_its_name(road: Line) -> None:
    lifecycle.update(road.development, by=road.owner, protected=True)
    road.development.refresh_from_db()
    with pytest.raises(Invalid, match="confirm"):
        removals.remove(by=road.owner, app=road.app, environment=road.development)


def test_a_freed_port_is_given_last(road: Line) -> None:
    """A bookmark of a removed app leads nowhere rather than to another app."""
    port = Endpoint.objects.get(app=road.app).port
    road.house.ended(removals.remove(by=road.owner, app=road.app, environment=road.development))
    other = road.house.app("other", project=road.app.project)
    road.deployed(road.house.release(other, "1"), road.development)
    assert Endpoint.objects.get(app=other, released_at=None).port != port


def test_a_freed_port_is_not_given_while_its_file_still_leads_to_what_was_removed(road: Line) -> None:
    host = Endpoint.objects.get(app=road.app).host
    Host.objects.filter(pk=host.pk).update(endpoint_count=1)
    host.refresh_from_db()
    Endpoint.objects.update(linked_at=Now())
    road.house.ended(removals.remove(by=road.owner, app=road.app, environment=road.development))
    assert addresses.free(host) == 0

    Endpoint.objects.update(linked_at=None)
    assert addresses.free(host) == 1
    road.deployed(road.v2, road.development)


def test_after_it_the_app_can_come_again(road: Line) -> None:
    road.house.ended(removals.remove(by=road.owner, app=road.app, environment=road.development))
    road.deployed(road.v2, road.development)
    assert road.slot(road.development).live.release == road.v2
    assert road.rolled_back(road.development).release == road.v1


def test_a_removal_on_its_way_blocks_a_deploy_and_is_named(road: Line) -> None:
    removals.remove(by=road.owner, app=road.app, environment=road.development)
    with pytest.raises(plans.Blocked, match="shop is being removed from development"):
        road.deploy(road.v2, road.development)


def test_what_runs_of_an_archived_app_is_removed_and_nothing_else_is_done_with_it(road: Line) -> None:
    road.deployed(road.v2, road.development)
    apps.archive(road.app, by=road.owner)
    road.app.refresh_from_db()
    for kind in ("deploy", "redeploy", "rollback"):
        with pytest.raises(Conflict, match="archived"):
            plans.propose(by=road.owner, app=road.app, environment=road.development, kind=kind)

    asked = removals.remove(by=road.owner, app=road.app, environment=road.development)
    road.house.ended(asked, "failed")
    retries.retry(asked.run, by=road.owner)
    road.house.ended(asked)

    assert road.slot(road.development).live is None
    assert not Endpoint.objects.filter(released_at=None).exists()
