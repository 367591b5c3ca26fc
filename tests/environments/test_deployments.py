"""A deployment becomes a run of the environment's worker; its end decides what is live, and nothing else does."""

import pytest
from django.db import DatabaseError, transaction

from environments import retries
from environments.delivery import deployments, promotions, restarts
from environments.doing import assignments, conclusions
from environments.models import Account, Deployment, Endpoint, Environment, Host, Phase, Run, RunKind, Slot
from environments.planning import plans
from environments.runs import claim
from projects.errors import Conflict, Invalid, NotAllowed
from projects.models import Event, Role
from tests.environments.house import house
from tests.environments.line import Line, line
from tests.shared import built_once, fresh

pytestmark = pytest.mark.django_db


built = built_once(line)


@pytest.fixture
def road(built: Line) -> Line:
    return fresh(built)


def kinds() -> list[str]:
    return list(Event.objects.filter(kind__startswith="deployment.").order_by("number").values_list("kind", flat=True))


class TestAsking:
    def test_it_is_numbered_in_its_slot(self, road: Line) -> None:
        road.deployed(road.v1, road.development)
        road.deployed(road.v2, road.development)
        road.deployed(road.v1, road.staging)
        numbers = Deployment.objects.order_by("created_at").values_list("environment__name", "number")
        assert list(numbers) == [("development", 1), ("development", 2), ("staging", 1)]

    def test_it_pins_the_environments_values(self, road: Line) -> None:
        road.configure(road.development, MODE="fast")
        road.development.refresh_from_db()
        deployment = road.deploy(road.v1, road.development)
        road.configure(road.development, MODE="slow")
        told = assignments.specification(road.house.claimed(deployment))
        assert told["env"]["MODE"] == "fast"

    def test_it_never_changes(self, road: Line) -> None:
        deployment = road.deploy(road.v1, road.development)
        with pytest.raises(DatabaseError), transaction.atomic():
            Deployment.objects.filter(pk=deployment.pk).update(reason="another")

    def test_its_run_is_the_workers_and_lives_on_the_apps_host(self, road: Line) -> None:
        run = road.deploy(road.v1, road.development).run
        assert (run.kind, run.carried_by, run.phase) == (RunKind.DEPLOY, "worker", Phase.QUEUED)
        assert run.host == road.house.workers[road.development.id].host == road.slot(road.development).placement

    def test_every_listening_service_gets_an_address_for_life(self, road: Line) -> None:
        manifest = """
services:
  - {name: web, run: "serve --port $PORT"}
  - {name: admin, run: "serve --port $PORT"}
  - {name: mailer, run: "mail", port: false}
"""
        release = road.house.release(road.app, "4.0", manifest=manifest)
        road.deployed(release, road.development)
        first = {each.service: each.port for each in Endpoint.objects.all()}
        assert set(first) == {"web", "admin"}
        road.deployed(road.v1, road.development)
        assert {each.service: each.port for each in Endpoint.objects.filter(released_at=None)} == first

    def test_where_workers_join_by_command_nothing_is_prepared(self, road: Line) -> None:
        assert road.deploy(road.v1, road.development).run.after is None

    def test_on_this_host_a_control_run_prepares_the_projects_place_first(self, road: Line) -> None:
        _on_this_host(road)
        run = road.deploy(road.v1, road.development).run
        assert run.after is not None
        assert (run.after.kind, run.after.carried_by) == (RunKind.PREPARE, "control")
        assert (run.after.project, run.after.app) == (road.app.project, road.app)

    def test_what_is_prepared_is_not_prepared_again(self, road: Line) -> None:
        host = _on_this_host(road)
        Account.objects.create(
            environment=road.development, project=road.app.project, host=host, prepared_at=host.created_at
        )
        first = road.deploy(road.v1, road.development)
        assert first.run.after is not None  # the address is new
        Endpoint.objects.update(linked_at=host.created_at)
        _end_control_run(first.run.after)
        road.house.ended(first)
        assert road.deploy(road.v2, road.development).run.after is None

    def test_a_project_that_could_not_be_prepared_ends_the_deployment_with_the_reason(self, road: Line) -> None:
        _on_this_host(road)
        deployment = road.deploy(road.v1, road.development)
        _end_control_run(deployment.run.after, outcome="failed", reason="no uid is left")
        deployment.run.refresh_from_db()
        assert deployment.run.phase == Phase.ERRORED and "no uid is left" in deployment.run.reason
        assert road.slot(road.development).target is None


class TestTheEnd:
    def test_a_success_makes_it_live(self, road: Line) -> None:
        road.deployed(road.v1, road.development)
        deployment = road.house.ended(road.deploy(road.v2, road.development))
        slot = road.slot(road.development)
        assert (slot.live, slot.target, slot.previous.release) == (deployment, deployment, road.v1)
        assert slot.live_since is not None
        assert kinds()[-2:] == ["deployment.asked", "deployment.succeeded"]

    @pytest.mark.parametrize("outcome", ["failed", "errored"])
    def test_anything_else_leaves_what_ran_before(self, road: Line, outcome: str) -> None:
        road.deployed(road.v1, road.development)
        before = road.slot(road.development)
        road.house.ended(road.deploy(road.v2, road.development), outcome, "the port did not open")
        slot = road.slot(road.development)
        assert (slot.live, slot.target, slot.previous) == (before.live, before.live, before.previous)
        assert slot.live_since == before.live_since
        told = Event.objects.filter(kind=f"deployment.{outcome}").get()
        assert told.data["reason"] == "the port did not open"
        assert (told.data["app"], told.data["version"], told.data["from_version"]) == ("shop", "2.0", "1.0")

    def test_after_a_success_a_mark_of_trouble_is_gone(self, road: Line) -> None:
        road.deployed(road.v1, road.development)
        Slot.objects.update(condition="degraded", condition_reason="web keeps falling")
        road.deployed(road.v2, road.development)
        slot = road.slot(road.development)
        assert (slot.condition, slot.condition_reason) == ("ok", "")

    def test_saying_it_twice_changes_nothing(self, road: Line) -> None:
        run = road.house.claimed(road.deploy(road.v1, road.development))
        worker = road.house.workers[road.development.id]
        assert conclusions.finish(run.id, run.attempt, worker, "succeeded") is True
        assert conclusions.finish(run.id, run.attempt, worker, "succeeded") is False
        assert kinds() == ["deployment.asked", "deployment.succeeded"]

    def test_the_workers_are_told_to_look_again(self, road: Line) -> None:
        before = Environment.objects.get(pk=road.development.pk).desired_version
        road.deployed(road.v1, road.development)
        assert Environment.objects.get(pk=road.development.pk).desired_version > before


class TestRetrying:
    def test_it_is_a_new_attempt_of_the_same_run(self, road: Line) -> None:
        deployment = road.house.ended(road.deploy(road.v1, road.development), "failed")
        run = retries.retry(deployment.run, by=road.owner)
        assert (run.id, run.phase) == (deployment.run.id, Phase.QUEUED)
        again = road.house.ended(deployment)
        assert again.run.attempt == 2
        assert road.slot(road.development).live == deployment

    def test_once_something_newer_was_asked_for_it_is_refused(self, road: Line) -> None:
        old = road.house.ended(road.deploy(road.v1, road.development), "failed")
        road.house.ended(road.deploy(road.v2, road.development), "failed")
        with pytest.raises(deployments.Superseded, match=r"Something newer .* 2\.0"):
            retries.retry(old.run, by=road.owner)

    def test_a_retry_on_its_way_blocks_the_next_deployment(self, road: Line) -> None:
        old = road.house.ended(road.deploy(road.v1, road.development), "failed")
        retries.retry(old.run, by=road.owner)
        with pytest.raises(plans.Blocked, match=r"shop 1\.0 is on its way"):
            road.deploy(road.v2, road.development)


class TestRestarting:
    def test_it_is_a_run_of_the_worker(self, road: Line) -> None:
        road.deployed(road.v1, road.development)
        run = restarts.restart(by=road.owner, environment=road.development, app=road.app, service="web")
        worker = road.house.workers[road.development.id]
        claimed = claim.by_worker(worker, "key")
        assert claimed == run
        conclusions.finish(claimed.id, claimed.attempt, worker, "succeeded")
        told = Event.objects.filter(kind__startswith="service.").order_by("number").values_list("kind", flat=True)
        assert list(told) == ["service.restart_asked", "service.restart_succeeded"]

    def test_what_is_not_there_is_not_restarted(self, road: Line) -> None:
        with pytest.raises(Conflict, match="shop is not deployed in development"):
            restarts.restart(by=road.owner, environment=road.development, app=road.app, service="web")
        road.deployed(road.v1, road.development)
        with pytest.raises(Invalid, match="no service mail; it has web"):
            restarts.restart(by=road.owner, environment=road.development, app=road.app, service="mail")

    def test_not_while_a_deployment_or_a_restart_is_on_its_way(self, road: Line) -> None:
        road.deployed(road.v1, road.development)
        restarts.restart(by=road.owner, environment=road.development, app=road.app, service="web")
        with pytest.raises(Conflict, match="restarted already"):
            restarts.restart(by=road.owner, environment=road.development, app=road.app, service="web")
        road.deploy(road.v2, road.development)
        with pytest.raises(Conflict, match="being deployed"):
            restarts.restart(by=road.owner, environment=road.development, app=road.app, service="web")

    def test_a_viewer_restarts_nothing(self, road: Line) -> None:
        road.deployed(road.v1, road.development)
        with pytest.raises(NotAllowed):
            restarts.restart(
                by=road.house.person(Role.VIEWER), environment=road.development, app=road.app, service="web"
            )


def _on_this_host(road: Line) -> Host:
    """As if the environment had been provisioned beside the control plane, with its built-in worker."""
    host = road.house.workers[road.development.id].host
    Environment.objects.filter(pk=road.development.pk).update(provisioner="process", host=host)
    road.development.refresh_from_db()
    return host


def _end_control_run(run: Run, *, outcome: str = "succeeded", reason: str = "") -> None:
    claimed = claim.by_control("test", run.id, host_id=run.host_id)
    assert claimed is not None
    conclusions.finish(claimed.id, claimed.attempt, "test", outcome, reason)


class TestTheLastAddress:
    def test_who_finds_none_left_at_the_claim_fails_with_the_reason_and_blocks_nobody(self) -> None:
        home = house()
        environment = home.environment("two-hosts")
        roomy = home.workers[environment.id]
        full = home.worker(environment, addresses=0)
        asked = promotions.promote(by=home.owner, environment=environment, release=home.release(home.app(), "1"))
        Endpoint.objects.filter(app=asked.app).delete()
        Run.objects.filter(deployment=asked).update(host=None)
        Slot.objects.filter(app=asked.app).update(placement=None)
        assert assignments.take(full, "one")["run"] is None
        run = Run.objects.get(deployment=asked)
        assert run.phase == Phase.FAILED
        assert "too few addresses left" in run.reason
        assert assignments.take(roomy, "two")["run"] is None, "nothing is left behind"
