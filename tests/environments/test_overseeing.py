"""The scheduler repairs by looking at the rows: what is stuck gets a way out, what waits gets a courier."""

import time
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models.functions import Now
from django.test import override_settings
from django.utils import timezone

from config import env
from environments import hosts, lifecycle, tasks, worker_tokens
from environments.doing import overseeing, performing, sweeping, terminating
from environments.management.commands import scheduler
from environments.models import Environment, Host, Plan, Run, RunKind, Sample, State
from environments.planning import plans
from environments.runs import claim, expire, logs
from projects.access import Actor
from projects.models import IdempotentAnswer
from tests import builders
from tests.environments.house import house
from tests.environments.line import line
from tests.patience import patience

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def owner() -> Actor:
    return builders.owner_of(builders.organization())


@pytest.fixture(autouse=True)
def nothing_rung() -> None:
    scheduler._RUNG.clear()


def stuck(owner: Actor, state: str, **fields: Any) -> Environment:
    """As a crash between two transactions could leave it, an hour ago: in between, with nothing at work on it."""
    environment = lifecycle.create(by=owner, name=builders.name("environment"), provisioner="external")
    Run.objects.filter(environment=environment).update(**{"phase": "errored"})
    Environment.objects.filter(pk=environment.pk).update(
        **{"state": state, "state_changed_at": Now() - timedelta(hours=1), **fields}
    )
    environment.refresh_from_db()
    return environment


@pytest.mark.parametrize("state", [State.PENDING, State.PROVISIONING, State.STOPPING])
def test_an_environment_on_which_nothing_works_becomes_an_error_that_can_be_retried(owner: Actor, state: str) -> None:
    environment = stuck(owner, state)
    scheduler.work()

    environment.refresh_from_db()
    assert environment.state == State.ERROR and "nothing was at work" in environment.error_message
    lifecycle.retry(environment, by=owner)


def test_a_termination_on_which_nothing_works_is_queued_again(owner: Actor) -> None:
    environment = stuck(owner, State.TERMINATING, deleted_at=timezone.now())
    scheduler.work()

    assert Run.objects.filter(environment=environment, kind=RunKind.TERMINATE, phase="queued").count() == 1
    scheduler.work()
    assert Run.objects.filter(environment=environment, kind=RunKind.TERMINATE).count() == 1


def test_what_is_being_worked_on_or_has_only_just_changed_is_left_alone(owner: Actor) -> None:
    worked_on = lifecycle.create(by=owner, name="worked on", provisioner="external")
    Environment.objects.update(state_changed_at=Now() - timedelta(hours=1))
    fresh = stuck(owner, State.PROVISIONING, state_changed_at=timezone.now())
    overseeing.unstick()

    for environment in (worked_on, fresh):
        before = environment.state
        environment.refresh_from_db()
        assert environment.state == before


def test_a_lost_attempt_goes_back_into_the_queue_and_after_the_last_one_it_is_an_error(owner: Actor) -> None:
    environment = lifecycle.create(by=owner, name="unlucky", provisioner="external")
    run = Run.objects.get(environment=environment)
    for attempt in range(1, run.max_attempts + 1):
        claimed = claim.by_control("nobody", run.id)
        assert claimed is not None and claimed.attempt == attempt
        Run.objects.filter(pk=run.pk).update(lease_until=Now() - timedelta(seconds=1))
        assert expire.due() == [run.pk]
        scheduler.work()

    run.refresh_from_db()
    environment.refresh_from_db()
    assert run.phase == "errored" and environment.state == State.ERROR
    assert "attempt 5 of 5" in environment.error_message


def test_work_for_a_host_that_is_gone_is_given_up_with_its_name(owner: Actor) -> None:
    gone = Host.objects.create(name="node-7", address="10.0.0.7", lease_until=Now() - timedelta(hours=1))
    environment = lifecycle.create(by=owner, name="far away")
    Run.objects.filter(environment=environment).update(host=gone, created_at=Now() - timedelta(hours=1))
    scheduler.work()

    environment.refresh_from_db()
    assert environment.state == State.ERROR and "node-7 has not been heard of" in environment.error_message


def test_one_run_that_cannot_be_given_up_keeps_no_other_waiting(owner: Actor, caplog: pytest.LogCaptureFixture) -> None:
    gone = Host.objects.create(name="node-7", address="10.0.0.7", lease_until=Now() - timedelta(hours=1))
    broken, sound = (lifecycle.create(by=owner, name=name) for name in ("broken", "sound"))
    Run.objects.update(host=gone, created_at=Now() - timedelta(hours=1))
    # The end of a termination leads from this state nowhere.
    Run.objects.filter(environment=broken).update(kind="terminate", created_at=Now() - timedelta(hours=2))
    Environment.objects.filter(pk=broken.pk).update(**{"state": State.ERROR})
    scheduler.work()

    sound.refresh_from_db()
    assert sound.state == State.ERROR
    assert Run.objects.get(environment=broken).phase == "queued" and "could not be swept" in caplog.text


def test_force_turns_the_workers_away_before_anything_waits_for_them() -> None:
    home = house()
    environment = home.environment("development")
    worker = home.workers[environment.id]

    lifecycle.delete(environment, by=home.owner, force=True)
    run = Run.objects.get(environment=environment, kind=RunKind.TERMINATE)
    assert [step.name for step in terminating.plan(run)][:2] == ["Credentials", "Work"]
    begun = time.monotonic()
    performing.perform_all()

    worker.refresh_from_db()
    environment.refresh_from_db()
    assert worker.ended_at and environment.terminated_at and time.monotonic() - begun < patience(5)


class TestDeletingWhatLivesOnAHostThatIsGone:
    @pytest.fixture
    def environment(self, owner: Actor) -> Environment:
        gone = Host.objects.create(name="node-7", address="10.0.0.7", lease_until=Now() - timedelta(hours=1))
        made = stuck(owner, State.ERROR)
        Environment.objects.filter(pk=made.pk).update(provisioner="process", host=gone, directory="/gone")
        worker_tokens.give(made)
        made.refresh_from_db()
        return made

    def test_without_force_it_comes_back_with_the_way_out(self, owner: Actor, environment: Environment) -> None:
        lifecycle.delete(environment, by=owner)
        assert performing.perform_all() == 0
        Run.objects.filter(kind=RunKind.TERMINATE).update(created_at=Now() - timedelta(minutes=11))
        scheduler.work()

        environment.refresh_from_db()
        assert environment.state == State.ERROR and environment.deleted_at is None
        assert "Delete the environment with force" in environment.error_message

    def test_with_force_its_rows_are_let_go(self, owner: Actor, environment: Environment) -> None:
        lifecycle.delete(environment, by=owner, force=True)
        performing.perform_all()

        environment.refresh_from_db()
        run = Run.objects.get(environment=environment, kind=RunKind.TERMINATE)
        assert environment.terminated_at, run.reason
        assert "node-7 is gone" in " ".join(line["text"] for line in logs.read(run))

    def test_a_termination_by_force_waits_no_longer_than_any_other(
        self, owner: Actor, environment: Environment
    ) -> None:
        Host.objects.update(lease_until=Now())
        lifecycle.delete(environment, by=owner, force=True)
        assert performing.perform_all() == 0
        Host.objects.update(lease_until=Now() - timedelta(minutes=11))
        Run.objects.filter(kind=RunKind.TERMINATE).update(created_at=Now() - timedelta(minutes=11))
        scheduler.work()
        performing.perform_all()

        environment.refresh_from_db()
        assert environment.terminated_at


def test_what_waits_gets_a_courier_and_not_one_in_every_round(owner: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[Any] = []
    monkeypatch.setattr(tasks._BELL, "ring", lambda courier, run_id: rung.append(uuid.UUID(run_id)))
    environment = lifecycle.create(by=owner, name="waiting", provisioner="external")
    run = Run.objects.get(environment=environment)
    rung.clear()

    scheduler.work()
    scheduler.work()
    assert rung == [run.id]


def test_of_several_schedulers_one_works_at_a_time(owner: Actor) -> None:
    with scheduler._alone() as alone:
        assert alone
        assert scheduler.work() is False
    assert scheduler.work() is True


def test_old_answers_and_plans_are_forgotten(owner: Actor) -> None:
    for name, age in (("old", 25), ("new", 23)):
        answer = IdempotentAnswer(
            **{field.name: name for field in IdempotentAnswer._meta.fields if field.get_internal_type() == "CharField"}
        )
        answer.organization_id = owner.organization.id
        answer.save()
        IdempotentAnswer.objects.filter(pk=answer.pk).update(created_at=Now() - timedelta(hours=age))
    scheduler.work()
    assert IdempotentAnswer.objects.count() == 1


def test_old_measurements_and_plans_are_forgotten_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "MOST_FORGOTTEN", 2)
    road = line()
    road.deployed(road.v1, road.development)
    kept = [Plan.objects.get(), plans.propose(by=road.owner, release=road.v2, environment=road.development)]
    for _ in range(3):
        plans.propose(by=road.owner, release=road.v2, environment=road.development)
    old = Now() - timedelta(days=8)
    Plan.objects.exclude(pk=kept[1].pk).update(expires_at=old)
    measured = {"environment": road.development, "cpu": 0, "memory": 0, "storage": 0}
    Sample.objects.bulk_create(Sample(**measured, at=timezone.now() - timedelta(hours=age)) for age in (1, 25, 26, 27))

    left = []
    for _ in range(2):
        sweeping.prune()
        left.append((Plan.objects.count(), Sample.objects.count()))

    assert left == [(3, 2), (2, 1)]
    assert set(Plan.objects.all()) == set(kept)


def test_the_machine_has_a_record_with_a_lease_that_follows_its_facts(owner: Actor) -> None:
    described = {"id": "6f0f5cf6-5b0f-4a3d-9c1f-0d6f3a3c9a11", "environments_root": "/x", "service_first": 25_000}
    for note in ("", "one user for everything"):
        with override_settings(INSTALLATION=env.Installation(**described, isolation_note=note)):
            call_command("scheduler", once=True)
        host = Host.objects.get()
        assert host.isolation_note == note and host.lease_until and host.lease_until > timezone.now()


def test_without_an_installation_nothing_is_provisioned_here_and_a_sentence_says_so() -> None:
    with override_settings(INSTALLATION=env.Installation()):
        hosts.keep_alive()
        with pytest.raises(hosts.NoHost, match="external"):
            hosts.local()
    assert not Host.objects.exists()
