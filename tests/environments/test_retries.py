"""Retrying: a new attempt of the same run, where nothing newer has come between."""

import pytest
from django.db import connection

from environments import cancellations, retries
from environments.delivery import deployments, holds, removals, rollbacks
from environments.doing import conclusions
from environments.models import Deployment, Phase, Run, State
from environments.planning import plans
from environments.runs import claim, steps
from environments.runs.steps import Report
from projects import access, apps
from projects import lifecycle as projects
from projects.access import Actor
from projects.errors import Conflict, NotAllowed
from projects.models import AccessToken, Event, Role
from tests import builders
from tests.environments.line import Line, line
from tests.environments.test_runs_claim import together, work
from tests.environments.yard import Yard, yard

pytestmark = pytest.mark.django_db


def failed(here: Yard) -> Run:
    worker = here.worker()
    run = here.deploy("1.0").run
    claim.by_worker(worker, "key")
    conclusions.finish(run.pk, 1, worker, Phase.FAILED, "no luck", ["last words"])
    return Run.objects.get(pk=run.pk)


def token_of(here: Yard) -> Actor:
    builders.token(here.owner)
    return access.of_token(AccessToken.objects.select_related("owner", "organization").get())


def test_a_failed_deployment_is_queued_again_as_the_same_run() -> None:
    here = yard()
    run = failed(here)

    again = retries.retry(run, by=here.owner)

    assert (again.pk, again.phase, again.reason, again.last_lines) == (run.pk, Phase.QUEUED, "", [])
    assert here.slot.target_id == run.deployment_id
    assert Event.objects.filter(kind="deployment.retried").count() == 1
    claimed = claim.by_worker(here.worker(machine=None), "other") or claim.by_worker(run.worker, "other")
    assert claimed is not None and claimed.attempt == 2 and claimed.max_attempts == 4


def test_what_is_on_its_way_or_succeeded_is_not_retried() -> None:
    here = yard()
    worker = here.worker()
    run = here.deploy().run
    with pytest.raises(retries.CannotRetry):
        retries.retry(run, by=here.owner)
    claim.by_worker(worker, "key")
    conclusions.finish(run.pk, 1, worker, Phase.SUCCEEDED)
    with pytest.raises(retries.CannotRetry):
        retries.retry(run, by=here.owner)


def test_nothing_is_retried_once_something_newer_was_asked_for() -> None:
    here = yard()
    run = failed(here)
    newer = here.deploy("2.0").run
    cancellations.cancel(newer, by=here.owner)
    with pytest.raises(deployments.Superseded):
        retries.retry(run, by=here.owner)


@pytest.mark.django_db(transaction=True)
def test_two_people_who_retry_at_once_queue_one_attempt() -> None:
    here = yard()
    run = failed(here)
    found = together(*[lambda: retries.retry(Run.objects.get(pk=run.pk), by=here.owner) for _ in range(4)])
    assert sorted(type(one).__name__ for one in found) == ["CannotRetry"] * 3 + ["Run"]


def test_nothing_is_retried_in_an_environment_that_does_not_run() -> None:
    here = yard()
    run = failed(here)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE environments_environment SET state = %s", [State.STOPPED])
    with pytest.raises(plans.Blocked, match="development is stopped; start it first"):
        retries.retry(run, by=here.owner)


def test_a_token_keeps_its_hands_off_what_is_held_and_a_person_may() -> None:
    here = yard()
    run = failed(here)
    holds.place(here.app, here.environment, by=here.owner, reason="look first")
    with pytest.raises(plans.Blocked, match="look first") as refusal:
        retries.retry(run, by=token_of(here))
    assert refusal.value.code == "held"
    assert retries.retry(run, by=here.owner).phase == Phase.QUEUED


def test_a_viewer_may_not_retry() -> None:
    here = yard()
    run = failed(here)
    with pytest.raises(NotAllowed):
        retries.retry(run, by=here.cast.viewer)


def test_what_the_run_waited_for_is_queued_again_with_it() -> None:
    here = yard()
    here.worker()
    run = here.deploy().run
    (before,) = work(here)
    Run.objects.filter(pk=run.pk).update(after=before)
    claim.by_control("me", before.pk)
    conclusions.finish(before.pk, 1, "me", Phase.FAILED, "no room")
    assert Run.objects.get(pk=run.pk).phase == Phase.ERRORED

    retries.retry(Run.objects.get(pk=run.pk), by=here.owner)

    assert Run.objects.get(pk=before.pk).phase == Phase.QUEUED
    assert claim.by_control("me", before.pk).attempt == 2


def test_an_environments_own_work_is_retried_with_the_environment() -> None:
    here = yard()
    from environments import lifecycle

    broken = lifecycle.create(by=here.owner, name="broken", provisioner="external")
    run = Run.objects.get(environment=broken)
    claimed = claim.by_control("me", run.pk)
    from environments.doing import provisioning

    provisioning.plan(claimed)
    conclusions.finish(run.pk, 1, "me", Phase.FAILED, "no namespace")
    broken.refresh_from_db()
    assert broken.state == State.ERROR

    again = retries.retry(Run.objects.get(pk=run.pk), by=here.owner)

    broken.refresh_from_db()
    assert (again.pk, again.phase, broken.state) == (run.pk, Phase.QUEUED, State.PROVISIONING)


def test_a_step_that_must_not_be_repeated_is_not_retried_once_it_has_begun() -> None:
    here = yard()
    worker = here.worker()
    manifest = {"steps": [{"name": "migrate", "run": "true", "once": True}], "services": []}
    run = here.deploy("1.0", manifest=manifest).run
    claim.by_worker(worker, "key")
    conclusions.finish(run.pk, 1, worker, Phase.FAILED, "not even begun")
    run = retries.retry(Run.objects.get(pk=run.pk), by=here.owner)
    claim.by_worker(worker, "other")
    steps.report(run.pk, 2, worker, Report(n=2, name="migrate", phase="succeeded", once=True))
    conclusions.finish(run.pk, 2, worker, Phase.FAILED, "no luck")

    with pytest.raises(retries.CannotRetry, match="migrate"):
        retries.retry(Run.objects.get(pk=run.pk), by=here.owner)


def test_nothing_of_an_archived_app_is_retried() -> None:
    here = yard()
    run = failed(here)
    apps.archive(here.app, by=here.owner)

    with pytest.raises(Conflict, match="archived"):
        retries.retry(run, by=here.owner)


class TestTheGatesAreJudgedAgain:
    """What stood open when the deployment was asked for may be closed by now."""

    @pytest.fixture
    def road(self) -> Line:
        built = line()
        built.deployed(built.v1, built.development)
        built.deployed(built.v2, built.development)
        return built

    def test_a_promotion_of_what_was_rolled_back_in_the_stage_before_is_not_retried(self, road: Line) -> None:
        run = road.house.ended(road.promote(road.staging), "failed").run
        road.rolled_back(road.development)

        with pytest.raises(plans.Blocked, match=r"shop 2\.0 was rolled back in development") as refusal:
            retries.retry(run, by=road.owner)

        assert [gate["code"] for gate in refusal.value.errors if not gate["passed"]] == ["stage"]
        assert Run.objects.get(pk=run.pk).phase == Phase.FAILED

    def test_a_bypass_that_was_not_needed_then_does_not_help_now(self, road: Line) -> None:
        run = road.house.ended(road.promote(road.staging, bypass=True, reason="to be sure"), "failed").run
        road.rolled_back(road.development)
        with pytest.raises(plans.Blocked):
            retries.retry(run, by=road.owner)

    def test_an_owners_bypass_is_retried_by_whoever_may_bypass(self, road: Line) -> None:
        asked = road.deploy(road.v3, road.staging, bypass=True, reason="urgent")
        run = road.house.ended(asked, "failed").run
        with pytest.raises(NotAllowed, match="bypass"):
            retries.retry(run, by=road.house.person(Role.OPERATOR))
        assert retries.retry(run, by=road.house.person(Role.ADMIN)).phase == Phase.QUEUED

    def test_a_project_that_was_restricted_meanwhile_enters_nothing_elsewhere(self, road: Line) -> None:
        run = road.house.ended(road.promote(road.staging), "failed").run
        projects.update(road.app.project, by=road.owner, restrict_to_environment_id=road.development.id)
        with pytest.raises(plans.Blocked, match="may deploy to development only"):
            retries.retry(run, by=road.owner)

    def test_a_token_keeps_its_hands_off_removal_and_redeploy_too(self, road: Line) -> None:
        def removal() -> Deployment:
            return removals.remove(by=road.owner, app=road.app, environment=road.development)

        for ask in (lambda: road.deploy(road.v2, road.development), removal):
            asked = ask()
            run = road.house.ended(asked, "failed").run
            hold = holds.place(road.app, road.development, by=road.owner, reason="look first")
            with pytest.raises(plans.Blocked, match="look first") as refusal:
                retries.retry(run, by=road.house.token(name=asked.kind))
            assert refusal.value.code == "held"
            holds.lift(hold, by=road.owner)

    def test_a_rollback_is_never_held(self, road: Line) -> None:
        asked = rollbacks.roll_back(by=road.owner, app=road.app, environment=road.development)
        run = road.house.ended(asked, "failed").run
        holds.place(road.app, road.development, by=road.owner, reason="look first")
        assert retries.retry(run, by=road.house.token()).phase == Phase.QUEUED
