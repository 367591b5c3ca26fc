"""A promotion passes what the stage before has proven, one at a time, however many people ask at once."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from environments import lifecycle
from environments.delivery import deployments, promotions
from environments.models import Deployment, Endpoint, Environment, Run
from environments.planning import plans
from projects.access import who
from projects.errors import Conflict, Invalid, Refused
from projects.models import Role
from tests.environments.line import Line, line

pytestmark = pytest.mark.django_db


@pytest.fixture
def road() -> Line:
    return line()


class TestTheStageBefore:
    def test_a_release_that_never_succeeded_there_is_blocked(self, road: Line) -> None:
        with pytest.raises(plans.Blocked, match=r"shop 1\.0 has not succeeded in development yet") as refusal:
            road.promote(road.staging, release=road.v1)
        assert [gate["code"] for gate in refusal.value.errors if not gate["passed"]] == ["stage"]

    def test_a_failed_deployment_there_does_not_count(self, road: Line) -> None:
        road.house.ended(road.deploy(road.v1, road.development), "failed")
        with pytest.raises(plans.Blocked):
            road.promote(road.staging, release=road.v1)

    def test_a_deploy_into_a_later_stage_passes_the_same_gate(self, road: Line) -> None:
        with pytest.raises(plans.Blocked):
            road.deploy(road.v1, road.staging, kind="deploy")

    def test_a_stage_is_not_skipped(self, road: Line) -> None:
        road.deployed(road.v1, road.development)
        with pytest.raises(plans.Blocked, match="has not succeeded in staging yet"):
            road.promote(road.production, release=road.v1)

    def test_being_superseded_there_does_not_block(self, road: Line) -> None:
        road.deployed(road.v1, road.development)
        road.deployed(road.v2, road.development)
        assert road.promote(road.staging, release=road.v1).release == road.v1

    def test_being_rolled_back_there_blocks(self, road: Line) -> None:
        road.deployed(road.v1, road.development)
        road.deployed(road.v2, road.development)
        road.rolled_back(road.development)
        with pytest.raises(plans.Blocked, match=r"shop 2\.0 was rolled back in development"):
            road.promote(road.staging, release=road.v2)
        assert road.promote(road.staging).release == road.v1

    def test_succeeding_there_again_after_a_rollback_opens_it(self, road: Line) -> None:
        road.deployed(road.v1, road.development)
        road.deployed(road.v2, road.development)
        road.rolled_back(road.development)
        road.deployed(road.v2, road.development)
        assert road.promote(road.staging).release == road.v2

    def test_every_environment_of_the_stage_must_have_proven_it(self, road: Line) -> None:
        second = road.house.environment("staging-eu")
        project = road.house.project("OPS")
        app = road.house.app("tool", project=project)
        release = road.house.release(app, "1")
        road.house.chain(["staging", "staging-eu"], "production", project=project)
        road.house.live(release, road.staging)
        with pytest.raises(plans.Blocked, match="has not succeeded in staging-eu yet"):
            promotions.promote(by=road.owner, environment=road.production, release=release)
        road.house.live(release, second)
        assert promotions.promote(by=road.owner, environment=road.production, release=release).kind == "promotion"

    def test_a_projects_own_chain_counts_instead_of_the_default(self, road: Line) -> None:
        road.house.chain("production", project=road.app.project)
        assert road.deploy(road.v1, road.production).kind == "deploy"

    def test_an_owner_may_bypass_and_the_deployment_says_so(self, road: Line) -> None:
        deployment = road.promote(road.staging, release=road.v1, bypass=True, reason="the shop is down")
        assert deployment.bypass is True
        plan = deployment.plan
        assert any("Bypassed by" in gate["sentence"] and "the shop is down" in gate["sentence"] for gate in plan.gates)

    def test_a_bypass_that_was_not_needed_is_not_marked(self, road: Line) -> None:
        road.deployed(road.v1, road.development)
        assert road.promote(road.staging, bypass=True, reason="to be sure").bypass is False

    def test_a_redeploy_is_exempt(self, road: Line) -> None:
        road.house.live(road.v1, road.production)
        assert road.promote(road.production, release=road.v1).kind == "redeploy"


class TestConfirmation:
    def test_a_protected_environment_wants_its_name(self, road: Line) -> None:
        lifecycle.update(road.production, by=road.owner, protected=True)
        road.production.refresh_from_db()
        road.deployed(road.v1, road.development, road.staging)
        for wrong in (None, "", "staging"):
            with pytest.raises(Invalid, match="confirm"):
                road.promote(road.production, confirm=wrong)
        assert road.promote(road.production, confirm="production")

    def test_elsewhere_it_is_not_wanted_but_must_be_right(self, road: Line) -> None:
        with pytest.raises(Invalid, match="confirm"):
            road.deploy(road.v1, road.development, confirm="production")
        assert road.deploy(road.v1, road.development, confirm="development")

    def test_a_refused_promotion_leaves_nothing_behind(self, road: Line) -> None:
        with pytest.raises(plans.Blocked):
            road.promote(road.staging, release=road.v1)
        assert not Deployment.objects.exists()
        assert not Run.objects.filter(kind="deploy").exists()
        assert not Endpoint.objects.exists()


class TestAWholeStage:
    @pytest.fixture
    def wide(self, road: Line) -> Line:
        road.eu = road.house.environment("production-eu")  # type: ignore[attr-defined]
        project = road.house.project("OPS")
        road.app = road.house.app("tool", project=project)
        road.v1 = road.house.release(road.app, "1")
        road.house.chain("staging", ["production", "production-eu"], project=project)
        return road

    def test_both_are_promoted_together(self, wide: Line) -> None:
        wide.house.live(wide.v1, wide.staging)
        made = promotions.promote_stage(by=wide.owner, environments=[wide.production, wide.eu], app=wide.app)
        assert {each.environment for each in made} == {wide.production, wide.eu}
        assert {each.kind for each in made} == {"promotion"}

    def test_all_or_none(self, wide: Line) -> None:
        wide.house.live(wide.v1, wide.staging)
        lifecycle.stop(wide.eu, by=wide.owner)
        wide.eu.refresh_from_db()
        with pytest.raises(plans.Blocked, match="because of production-eu") as refusal:
            promotions.promote_stage(by=wide.owner, environments=[wide.production, wide.eu], app=wide.app)
        assert not Deployment.objects.filter(environment__in=[wide.production, wide.eu]).exists()
        assert {gate["environment_id"] for gate in refusal.value.errors} == {str(wide.production.id), str(wide.eu.id)}

    def test_environments_of_different_stages_are_refused(self, wide: Line) -> None:
        with pytest.raises(Invalid, match="environment_ids"):
            promotions.promote_stage(by=wide.owner, environments=[wide.production, wide.staging], app=wide.app)

    def test_the_stages_name_confirms(self, wide: Line) -> None:
        wide.house.live(wide.v1, wide.staging)
        lifecycle.update(wide.eu, by=wide.owner, protected=True)
        wide.eu.refresh_from_db()
        places = [wide.production, wide.eu]
        with pytest.raises(Invalid, match="type Stage 2 to confirm"):
            promotions.promote_stage(by=wide.owner, environments=places, app=wide.app, confirm="production-eu")
        assert len(promotions.promote_stage(by=wide.owner, environments=places, app=wide.app, confirm="Stage 2")) == 2


def at_once(acts: list[Callable[[], Any]]) -> list[Any]:
    """Real connections, real transactions: every act in a thread of its own, begun together."""
    results: list[Any] = [None] * len(acts)
    barrier = threading.Barrier(len(acts))

    def run(place: int, act: Callable[[], Any]) -> None:
        barrier.wait(20)
        try:
            results[place] = act()
        except Refused as refusal:
            results[place] = refusal
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_of_two_people_one_wins_and_the_other_reads_why(self) -> None:
        road = line()
        road.deployed(road.v1, road.development)
        ada, bob = road.house.person(Role.OPERATOR, name="ada"), road.house.person(Role.OPERATOR, name="bob")
        planned = [plans.propose(by=by, environment=road.staging, app=road.app) for by in (ada, bob)]
        results = at_once(
            [lambda: deployments.carry_out(planned[0], by=ada), lambda: deployments.carry_out(planned[1], by=bob)]
        )
        won = [each for each in results if isinstance(each, Deployment)]
        lost = [each for each in results if isinstance(each, plans.Blocked)]
        assert len(won) == len(lost) == 1
        assert f"shop 1.0 is on its way to staging, asked by {who(won[0].created_by)} (run" in lost[0].detail

    def test_of_twenty_promotions_exactly_one_happens(self) -> None:
        road = line()
        road.deployed(road.v1, road.development)
        results = at_once([lambda: road.promote(road.staging)] * 20)
        assert sum(isinstance(each, Deployment) for each in results) == 1
        assert sum(isinstance(each, Conflict) for each in results) == 19
        slot = road.slot(road.staging)
        assert slot.last_number == 1
        assert Run.objects.filter(environment=road.staging, kind="deploy").count() == 1

    def test_of_twenty_first_deployments_exactly_one_happens_and_addresses_are_not_doubled(self) -> None:
        road = line()
        other = road.house.app("other", project=road.app.project)
        release = road.house.release(other, "1")
        results = at_once(
            [lambda: road.deploy(road.v1, road.development)] * 10
            + [lambda: road.deploy(release, road.development)] * 10
        )
        assert sum(isinstance(each, Deployment) for each in results) == 2
        ports = list(Endpoint.objects.values_list("port", flat=True))
        assert len(ports) == len(set(ports)) == 2

    def test_two_environments_on_one_host_are_never_given_the_same_port(self) -> None:
        road = line()
        host = road.house.workers[road.development.id].host
        Environment.objects.update(host=host)
        places = [road.development, road.house.environment("one"), road.house.environment("two")]
        Environment.objects.update(host=host)
        others = [road.house.app(f"app-{n}", project=road.app.project) for n in range(4)]
        cut = [road.house.release(app, "1") for app in others]
        results = at_once(
            [lambda release=release, place=place: road.deploy(release, place) for release in cut for place in places]
        )
        assert all(isinstance(each, Deployment) for each in results)
        ports = list(Endpoint.objects.values_list("port", flat=True))
        assert len(ports) == len(set(ports)) == 12
