"""A plan says what would happen and what stands in its way, and is carried out only while that is still true."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from environments import lifecycle
from environments.delivery import deployments, holds
from environments.models import Deployment, Plan, Slot
from environments.planning import comparison, plans
from projects import apps
from projects import lifecycle as projects
from projects.access import who
from projects.errors import Conflict, Invalid, NotAllowed, NotFound
from projects.models import Artifact, Role
from tests.environments.house import house
from tests.environments.line import Line, line, values_of
from tests.shared import built_once, fresh

pytestmark = pytest.mark.django_db


built = built_once(line)


@pytest.fixture
def road(built: Line) -> Line:
    return fresh(built)


def gate(plan: Plan, code: str) -> dict | None:
    return next((gate for gate in plan.gates if gate["code"] == code), None)


class TestWhatIsMeant:
    def test_into_the_first_stage_it_is_a_deploy(self, road: Line) -> None:
        plan = plans.propose(by=road.owner, release=road.v1, environment=road.development)
        assert (plan.kind, plan.blocked, plan.from_release) == ("deploy", False, None)

    def test_into_a_later_stage_it_is_a_promotion_of_what_is_live_before(self, road: Line) -> None:
        road.deployed(road.v1, road.development)
        plan = plans.propose(by=road.owner, app=road.app, environment=road.staging)
        assert (plan.kind, plan.release, plan.blocked) == ("promotion", road.v1, False)

    def test_what_is_live_there_is_redeployed(self, road: Line) -> None:
        road.deployed(road.v1, road.development)
        plan = plans.propose(by=road.owner, release=road.v1, environment=road.development)
        assert (plan.kind, plan.blocked) == ("redeploy", False)

    def test_an_environment_in_no_chain_takes_any_release(self, road: Line) -> None:
        elsewhere = road.house.environment("elsewhere")
        plan = plans.propose(by=road.owner, release=road.v3, environment=elsewhere)
        assert (plan.kind, plan.blocked) == ("deploy", False)
        assert gate(plan, "stage")["sentence"] == "elsewhere is in no stage and takes any release."

    def test_a_deploy_without_a_release_is_refused(self, road: Line) -> None:
        with pytest.raises(Invalid, match="release_id"):
            plans.propose(by=road.owner, app=road.app, environment=road.development)

    def test_nothing_live_before_is_a_conflict_that_says_where(self, road: Line) -> None:
        with pytest.raises(Conflict, match="shop is not live in development"):
            plans.propose(by=road.owner, app=road.app, environment=road.staging)

    def test_a_stage_that_runs_different_releases_makes_one_name_it(self, road: Line) -> None:
        second = road.house.environment("staging-eu")
        project = road.house.project("OPS")
        app = road.house.app("tool", project=project)
        one, two = road.house.release(app, "1"), road.house.release(app, "2")
        road.house.chain(["staging", "staging-eu"], "production", project=project)
        road.house.live(one, road.staging)
        road.house.live(two, second)
        with pytest.raises(Invalid, match=r"1 in staging, 2 in staging-eu"):
            plans.propose(by=road.owner, app=app, environment=road.production)

    def test_a_promotion_into_the_first_stage_is_refused(self, road: Line) -> None:
        with pytest.raises(Invalid, match="kind"):
            plans.propose(by=road.owner, release=road.v1, environment=road.development, kind="promotion")

    def test_a_redeploy_of_what_is_not_live_is_refused(self, road: Line) -> None:
        with pytest.raises(Invalid, match=r"1\.0 is not live in development"):
            plans.propose(by=road.owner, release=road.v1, environment=road.development, kind="redeploy")

    def test_a_release_of_another_app_is_refused(self, road: Line) -> None:
        other = road.house.app("other", project=road.app.project)
        with pytest.raises(Invalid, match="release_id"):
            plans.propose(by=road.owner, app=other, release=road.v1, environment=road.development)


class TestWhatChanges:
    def test_it_lists_the_releases_that_arrive_newest_first(self, road: Line) -> None:
        road.deployed(road.v1, road.development)
        plan = plans.propose(by=road.owner, release=road.v3, environment=road.development)
        assert [change["version"] for change in plan.changes] == ["3.0", "2.0"]
        assert not any(change["taken_back"] for change in plan.changes)

    def test_a_rollback_lists_the_releases_that_leave(self, road: Line) -> None:
        road.deployed(road.v1, road.development)
        road.deployed(road.v3, road.development)
        plan = plans.propose(by=road.owner, app=road.app, environment=road.development, kind="rollback")
        assert [(change["version"], change["taken_back"]) for change in plan.changes] == [("3.0", True), ("2.0", True)]

    def test_of_long_texts_it_keeps_so_much_and_says_how_much_more_there_is(self, road: Line) -> None:
        road.deployed(road.v1, road.development)
        lines = ["x" * 900] * 60
        for version, notes in (("4.0", "older " * 10_000), ("5.0", "short"), ("6.0", "")):
            last = road.house.release(road.app, version, notes=notes, changes=lines if version == "5.0" else ["one"])
        plan = plans.propose(by=road.owner, release=last, environment=road.development)

        told = {change["version"]: (change["notes"], change["changes"]) for change in plan.changes}
        assert told["6.0"] == ("", ["one"])
        assert told["5.0"] == ("short", [*lines[:55], "and 5 more, on the page of this release"])
        assert told["4.0"] == ("…", ["and 1 more, on the page of this release"])
        assert told["2.0"] == ("", [])
        assert len(json.dumps(plan.changes)) < 2 * comparison.MOST_TEXT

    def test_it_tells_which_values_differ_from_those_that_run(self, road: Line) -> None:
        road.configure(road.development, MODE="slow", OLD="1")
        road.development.refresh_from_db()
        road.deployed(road.v1, road.development)
        road.configure(road.development, MODE="fast", NEW="2")
        road.development.refresh_from_db()
        plan = plans.propose(by=road.owner, release=road.v2, environment=road.development)
        assert plan.configuration_changes == [
            change("MODE", "slow", "fast", 1, 2),
            change("NEW", None, "2", None, 1),
            change("OLD", "1", None, 1, None),
        ]


class TestGates:
    def test_an_environment_that_does_not_run_blocks_with_a_sentence(self, road: Line) -> None:
        lifecycle.stop(road.development, by=road.owner)
        road.development.refresh_from_db()
        plan = plans.propose(by=road.owner, release=road.v1, environment=road.development)
        assert plan.blocked
        assert gate(plan, "environment")["sentence"] == "development is stopping; start it first."
        with pytest.raises(plans.Blocked) as refusal:
            deployments.carry_out(plan, by=road.owner)
        assert refusal.value.code == "blocked"
        assert [each["code"] for each in refusal.value.errors if not each["passed"]] == ["environment"]

    @pytest.mark.parametrize(("status", "word"), [("fetching", "still being fetched"), ("failed", "no such ref")])
    def test_an_artifact_that_is_not_stored_blocks(self, road: Line, status: str, word: str) -> None:
        artifact = Artifact.objects.create(
            organization=road.house.organization, app=road.app, kind="git", status=status, reason="no such ref"
        )
        release = road.house.release(road.app, "4.0", artifact=artifact)
        plan = plans.propose(by=road.owner, release=release, environment=road.development)
        assert plan.blocked and word in gate(plan, "artifact")["sentence"]

    def test_a_project_restricted_to_one_environment_enters_no_other(self, road: Line) -> None:
        projects.update(road.app.project, by=road.owner, restrict_to_environment_id=road.staging.id)
        road.app.refresh_from_db()
        plan = plans.propose(by=road.owner, release=road.v1, environment=road.development)
        assert gate(plan, "restriction")["sentence"] == "WEB may deploy to staging only."

    def test_an_ephemeral_environment_takes_only_apps_of_its_project(self, road: Line) -> None:
        other = road.house.project("OTHER")
        preview = road.house.environment("preview", project_id=str(other.id))
        plan = plans.propose(by=road.owner, release=road.v1, environment=preview)
        assert gate(plan, "restriction")["passed"] is False

    def test_a_deployment_on_its_way_blocks_the_next_and_is_named(self, road: Line) -> None:
        first = road.deploy(road.v1, road.development)
        plan = plans.propose(by=road.owner, release=road.v2, environment=road.development)
        sentence = gate(plan, "in-flight")["sentence"]
        assert f"shop 1.0 is on its way to development, asked by {who(road.owner.label)} (run" in sentence
        assert f"run {first.run.number}" in sentence

    def test_used_up_addresses_block_with_a_sentence(self, road: Line) -> None:
        host = road.house.workers[road.development.id].host
        host.endpoint_count = 1
        host.save()
        road.deployed(road.v1, road.development)
        other = road.house.app("other", project=road.app.project)
        plan = plans.propose(by=road.owner, release=road.house.release(other, "1"), environment=road.development)
        assert plan.blocked
        assert "0 of its 1 addresses are free and 1 needed; remove an app there." in gate(plan, "addresses")["sentence"]

    def test_a_worker_on_another_machine_than_the_apps_own_does_not_count(self, road: Line) -> None:
        road.deployed(road.v1, road.development)
        first = road.house.workers[road.development.id]
        first.lease_until = timezone.now() - timedelta(minutes=1)
        first.save()
        road.house.worker(road.development)
        plan = plans.propose(by=road.owner, release=road.v2, environment=road.development)
        assert "wait for a worker on host of development, where shop lives" in gate(plan, "environment")["sentence"]

    def test_an_environment_without_a_worker_takes_the_wish_and_says_so(self, road: Line) -> None:
        worker = road.house.workers[road.development.id]
        worker.lease_until = timezone.now() - timedelta(minutes=1)
        worker.save()
        plan = plans.propose(by=road.owner, release=road.v1, environment=road.development)
        assert not plan.blocked
        assert "no worker is online" in gate(plan, "environment")["sentence"]


class TestStale:
    def test_a_plan_is_stale_once_something_else_went_live(self, road: Line) -> None:
        road.deployed(road.v1, road.development)
        plan = plans.propose(by=road.owner, release=road.v3, environment=road.development)
        road.deployed(road.v2, road.development)
        with pytest.raises(plans.Stale, match=r"2\.0 is live in development by now") as refusal:
            deployments.carry_out(plan, by=road.owner)
        assert refusal.value.code == "stale" and refusal.value.errors

    def test_a_plan_is_stale_once_values_changed(self, road: Line) -> None:
        plan = plans.propose(by=road.owner, release=road.v1, environment=road.development)
        road.configure(road.development, MODE="fast")
        with pytest.raises(plans.Stale):
            deployments.carry_out(plan, by=road.owner)

    def test_a_plan_is_stale_once_a_hold_was_placed(self, road: Line) -> None:
        plan = plans.propose(by=road.owner, release=road.v1, environment=road.development)
        holds.place(road.app, road.development, by=road.owner, reason="the database is moving")
        with pytest.raises(plans.Stale):
            deployments.carry_out(plan, by=road.owner)

    def test_a_new_plan_is_not_carried_out_for_who_has_seen_another_one(self, road: Line) -> None:
        seen = plans.propose(by=road.owner, release=road.v1, environment=road.development)
        lifecycle.update(road.development, by=road.owner, execution_environment={"env_vars": {"MODE": "new"}})
        road.development.refresh_from_db()
        fresh = plans.propose(by=road.owner, release=road.v1, environment=road.development)
        with pytest.raises(plans.Stale, match="since you opened this plan"):
            deployments.carry_out(fresh, by=road.owner, seen=seen.digest)
        assert values_of(deployments.carry_out(fresh, by=road.owner, seen=fresh.digest)) == {"MODE": "new"}

    def test_a_plan_lives_an_hour(self, road: Line) -> None:
        plan = plans.propose(by=road.owner, release=road.v1, environment=road.development)
        Plan.objects.filter(pk=plan.pk).update(expires_at=timezone.now())
        with pytest.raises(plans.Stale, match="older than an hour"):
            deployments.carry_out(plan, by=road.owner)

    def test_a_plan_is_carried_out_once(self, road: Line) -> None:
        plan = plans.propose(by=road.owner, release=road.v1, environment=road.development)
        road.house.ended(deployments.carry_out(plan, by=road.owner))
        with pytest.raises(Conflict, match="carried out already") as refusal:
            deployments.carry_out(plan, by=road.owner)
        assert refusal.value.code == "carried-out"
        assert Deployment.objects.count() == 1


class TestRights:
    def test_a_viewer_cannot_plan(self, road: Line) -> None:
        with pytest.raises(NotAllowed):
            plans.propose(by=road.house.person(Role.VIEWER), release=road.v1, environment=road.development)

    def test_a_stranger_sees_neither_plan_nor_deployment(self, road: Line) -> None:
        plan = plans.propose(by=road.owner, release=road.v1, environment=road.development)
        deployment = deployments.carry_out(plan, by=road.owner)
        stranger = house().owner
        with pytest.raises(NotFound):
            plans.find(stranger, plan.id)
        with pytest.raises(NotFound):
            deployments.find(stranger, deployment.id)

    def test_an_operator_of_one_environment_sees_no_plan_of_another(self, road: Line) -> None:
        plan = plans.propose(by=road.owner, release=road.v1, environment=road.development)
        with pytest.raises(NotFound):
            plans.find(road.house.person(Role.OPERATOR, environment=road.staging), plan.id)

    def test_a_protected_environment_needs_a_grant_that_names_it(self, road: Line) -> None:
        lifecycle.update(road.development, by=road.owner, protected=True)
        road.development.refresh_from_db()
        with pytest.raises(NotAllowed, match="protected"):
            plans.propose(by=road.house.person(Role.OPERATOR), release=road.v1, environment=road.development)
        named = road.house.person(Role.OPERATOR, environment=road.development)
        assert plans.propose(by=named, release=road.v1, environment=road.development)

    def test_only_owners_and_admins_bypass_and_they_say_why(self, road: Line) -> None:
        with pytest.raises(NotAllowed, match="bypass"):
            plans.propose(
                by=road.house.person(Role.OPERATOR),
                release=road.v1,
                environment=road.staging,
                bypass=True,
                reason="urgent",
            )
        with pytest.raises(Invalid, match="reason"):
            plans.propose(by=road.owner, release=road.v1, environment=road.staging, bypass=True)

    def test_who_may_not_bypass_is_not_sent_for_a_grant_that_would_not_let_them(self, road: Line) -> None:
        lifecycle.update(road.staging, by=road.owner, protected=True)
        road.staging.refresh_from_db()
        named = road.house.person(Role.OPERATOR, environment=road.staging)
        with pytest.raises(NotAllowed, match="bypass a gate; ask an admin for a grant"):
            plans.propose(by=named, release=road.v1, environment=road.staging, bypass=True, reason="urgent")

    def test_an_operator_cannot_carry_out_an_owners_bypass(self, road: Line) -> None:
        plan = plans.propose(by=road.owner, release=road.v1, environment=road.staging, bypass=True, reason="urgent")
        with pytest.raises(NotAllowed, match="bypass"):
            deployments.carry_out(plan, by=road.house.person(Role.OPERATOR))

    def test_an_archived_app_is_not_deployed_any_more(self, road: Line) -> None:
        apps.archive(road.app, by=road.owner)
        road.v1.app.refresh_from_db()
        with pytest.raises(Conflict, match="archived"):
            plans.propose(by=road.owner, release=road.v1, environment=road.development)

    def test_a_deleted_environment_is_not_found(self, road: Line) -> None:
        elsewhere = road.house.environment("elsewhere")
        plan = plans.propose(by=road.owner, release=road.v1, environment=elsewhere)
        lifecycle.delete(elsewhere, by=road.owner)
        with pytest.raises(NotFound):
            deployments.carry_out(plan, by=road.owner)

    def test_a_gate_names_no_environment_that_one_does_not_see(self, road: Line) -> None:
        person = road.house.person(Role.OPERATOR, environment=road.staging)
        told = gate(plans.propose(by=person, release=road.v1, environment=road.staging), "stage")
        assert "development" not in told["sentence"] and told["fix_url"] == ""
        assert told["sentence"].startswith("shop 1.0 has not succeeded in an environment you do not see yet")


def test_the_slot_is_made_with_the_first_plan_and_once(road: Line) -> None:
    plans.propose(by=road.owner, release=road.v1, environment=road.development)
    plans.propose(by=road.owner, release=road.v2, environment=road.development)
    assert Slot.objects.filter(app=road.app, environment=road.development).count() == 1


def change(key: str, before: str | None, after: str | None, was: int | None, becomes: int | None) -> dict[str, Any]:
    told = {"key": key, "before": before, "after": after, "before_version": was, "after_version": becomes}
    return told | {"masked": False}
