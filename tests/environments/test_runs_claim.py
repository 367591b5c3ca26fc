"""Claiming: every queued run is taken by exactly one, in the right place, at the right time."""

import threading
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from environments import workers
from environments.models import Phase, Run, RunKind, Slot, State
from environments.runs import claim, queue
from tests import builders
from tests.environments.yard import PLAIN, Yard, new_machine, yard

pytestmark = pytest.mark.django_db


def together(*acts: Callable[[], object]) -> list[object]:
    """Every act in a thread and connection of its own, begun at the same moment."""
    barrier, results = threading.Barrier(len(acts)), [None] * len(acts)

    def begin(n: int, act: Callable[[], object]) -> None:
        try:
            barrier.wait(10)
            results[n] = act()
        except Exception as error:
            results[n] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=begin, args=(n, act)) for n, act in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


def work(by: Yard, count: int = 1, **fields: object) -> list[Run]:
    """Control runs that stand for themselves."""
    return [
        queue.enqueue(
            kind=RunKind.PREPARE, by=by.owner, organization=by.owner.organization, **({"app": by.app} | fields)
        )
        for _ in range(count)
    ]


def test_a_claimed_run_begins_its_first_attempt_under_a_lease() -> None:
    here = yard()
    worker = here.worker()
    deployment = here.deploy()

    run = claim.by_worker(worker, "first")

    assert run is not None and run.deployment_id == deployment.pk
    assert (run.phase, run.attempt, run.worker_id) == (Phase.RUNNING, 1, worker.pk)
    assert timedelta(seconds=25) < run.lease_until - timezone.now() <= timedelta(seconds=31)
    assert run.deadline_at > run.started_at


def test_the_same_claim_key_answers_the_same_run_and_another_key_does_not() -> None:
    here = yard()
    worker = here.worker()
    here.deploy()

    first = claim.by_worker(worker, "key")
    again = claim.by_worker(worker, "key")
    other = claim.by_worker(worker, "another")

    assert first is not None and again is not None
    assert (again.pk, again.attempt) == (first.pk, 1)
    assert other is None


@pytest.mark.django_db(transaction=True)
def test_a_repeated_claim_at_the_same_moment_takes_one_run_only() -> None:
    here = yard()
    worker = here.worker()
    second = builders.app(here.owner)
    here.deploy(manifest=PLAIN)
    here.deploy(app=second, manifest=PLAIN)

    found = together(*[lambda: claim.by_worker(worker, "key") for _ in range(6)])

    assert len({run.pk for run in found}) == 1
    assert Run.objects.filter(phase=Phase.RUNNING).count() == 1


@pytest.mark.django_db(transaction=True)
def test_twenty_claimants_of_ten_runs_take_each_exactly_once() -> None:
    here = yard()
    work(here, 10)

    found = together(*[lambda n=n: claim.by_control(f"thread-{n}") for n in range(20)])

    taken = [run.pk for run in found if isinstance(run, Run)]
    assert len(taken) == len(set(taken)) == 10
    assert [run for run in found if not isinstance(run, Run)] == [None] * 10


def test_urgent_work_goes_first_and_equal_work_in_the_order_it_was_asked_for() -> None:
    here = yard()
    first, second = work(here, 2)
    (urgent,) = work(here)
    Run.objects.filter(pk=urgent.pk).update(priority=10)

    assert [claim.by_control("c").pk for _ in range(3)] == [urgent.pk, first.pk, second.pk]


def test_a_run_is_not_claimed_before_its_time() -> None:
    here = yard()
    work(here)
    Run.objects.update(not_before=timezone.now() + timedelta(minutes=5))
    assert claim.by_control("c") is None


def test_a_run_waits_until_the_one_before_it_has_succeeded() -> None:
    here = yard()
    (before,) = work(here)
    (after,) = work(here, after=before)

    assert claim.waiting_for_control() == [before.pk]
    claimed = claim.by_control("c")
    assert claimed.pk == before.pk
    assert claim.by_control("c") is None
    Run.objects.filter(pk=before.pk).update(phase=Phase.SUCCEEDED)
    assert claim.by_control("c").pk == after.pk


def test_a_worker_finds_nothing_of_another_environment() -> None:
    here = yard("development")
    there = here.another("staging")
    here.worker()
    stranger = there.worker()
    here.deploy()

    assert claim.by_worker(stranger, "key") is None


@pytest.mark.parametrize("state", [State.STOPPING, State.STOPPED, State.ERROR, State.TERMINATING])
def test_nothing_is_claimed_in_an_environment_that_does_not_run(state: State) -> None:
    here = yard()
    worker = here.worker()
    here.deploy()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE environments_environment SET state = %s WHERE id = %s", [state, here.environment.pk])

    assert claim.by_worker(worker, "key") is None


def test_an_app_stays_on_the_host_that_it_was_placed_on() -> None:
    here = yard()
    home = here.worker()
    elsewhere = here.worker()
    here.deployed(home)
    here.deploy()

    assert Slot.objects.get(app=here.app).placement_id == home.host_id
    assert claim.by_worker(elsewhere, "key") is None
    assert claim.by_worker(home, "key") is not None


@pytest.mark.django_db(transaction=True)
def test_an_app_that_has_no_place_yet_gets_it_from_its_first_claim() -> None:
    here = yard()
    first, second = here.worker(), here.worker()
    here.deploy()
    Slot.objects.filter(app=here.app).update(placement=None)
    Run.objects.filter(kind=RunKind.DEPLOY).update(host=None)

    taken = together(lambda: claim.by_worker(first, "a"), lambda: claim.by_worker(second, "b"))

    (run,) = [one for one in taken if one is not None]
    assert here.slot.placement_id == run.host_id in (first.host_id, second.host_id)


@pytest.mark.django_db(transaction=True)
def test_a_claim_never_waits_for_somebody_who_holds_the_slot() -> None:
    here = yard()
    worker = here.worker()
    here.deploy()
    Slot.objects.filter(app=here.app).update(placement=None)
    Run.objects.filter(kind=RunKind.DEPLOY).update(host=None)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        from django.db import transaction

        with transaction.atomic():
            Slot.objects.select_for_update(no_key=True).get(app=here.app)
            held.set()
            done.wait(10)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(10)
    assert claim.by_worker(worker, "key") is None
    done.set()
    holder.join(10)
    assert claim.by_worker(worker, "key") is not None


def test_a_control_worker_leaves_what_lives_on_another_host() -> None:
    here = yard()
    there = here.worker(machine=new_machine())
    (run,) = work(here, host=there.host)

    assert claim.by_control("c", host_id=uuid.uuid4()) is None
    assert claim.by_control("c") is None and claim.by_control("c", run.pk) is None, "one without a host has no hands"
    assert claim.waiting_for_control() == [run.pk]
    assert claim.by_control("c", run.pk, host_id=there.host_id).pk == run.pk


def test_a_machine_of_one_environment_is_not_taken_into_another() -> None:
    here = yard("development")
    there = here.another("staging")
    machine = new_machine()
    here.worker(machine=machine)

    with pytest.raises(workers.joining.Elsewhere):
        there.worker(machine=machine)
