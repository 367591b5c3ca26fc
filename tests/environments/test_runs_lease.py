"""Leases: who holds a run may report, seal and end it; whoever lost it may not; silence has a verdict."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from environments import cancellations
from environments.doing import assignments, conclusions, sweeping
from environments.models import Phase, Run, RunKind, RunStep
from environments.runs import cancel, claim, finish, queue, renew, seal, steps
from environments.runs.lease import LeaseLost
from environments.runs.steps import Report
from projects.access import who
from projects.models import Event
from tests.environments.test_runs_claim import together, work
from tests.environments.yard import PLAIN, Yard, silent, steps_of, yard

pytestmark = pytest.mark.django_db


def begun(here: Yard, **wish: object) -> tuple[Run, object]:
    """A deployment that a worker has claimed."""
    worker = here.worker()
    here.deploy(**wish)
    run = claim.by_worker(worker, uuid.uuid4().hex)
    assert run is not None
    steps.lay_out(run, [("Fetch", False), ("install", False), ("migrate", True)])
    return run, worker


def fresh(run: Run) -> Run:
    return Run.objects.get(pk=run.pk)


# Renewing


def test_renewing_extends_the_attempts_that_are_listed_and_no_other() -> None:
    here = yard()
    first, second = work(here, 2)
    for run in (first, second):
        assert claim.by_control("me", run.pk)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE environments_run SET lease_until = clock_timestamp() + interval '2 seconds'")

    (told,) = renew.extend("me", [(first.pk, 1)])

    assert (told.held, told.cancel) == (True, False)
    assert fresh(first).lease_until > timezone.now() + timedelta(seconds=20)
    assert fresh(second).lease_until < timezone.now() + timedelta(seconds=5)


def test_neither_another_holder_nor_an_older_attempt_nor_a_late_one_renews() -> None:
    here = yard()
    (run,) = work(here)
    claim.by_control("me", run.pk)

    assert not renew.extend("somebody", [(run.pk, 1)])[0].held
    assert not renew.extend("me", [(run.pk, 0)])[0].held
    silent(run)
    assert not renew.extend("me", [(run.pk, 1)])[0].held


# Ending


def test_an_end_is_written_once_and_may_be_said_again() -> None:
    here = yard()
    run, worker = begun(here)

    assert conclusions.finish(run.pk, 1, worker, Phase.FAILED, "no", ["last"]) is True
    assert conclusions.finish(run.pk, 1, worker, Phase.FAILED, "no", ["last"]) is False
    with pytest.raises(LeaseLost):
        conclusions.finish(run.pk, 1, worker, Phase.SUCCEEDED)

    run = fresh(run)
    assert (run.phase, run.reason, run.last_lines) == (Phase.FAILED, "no", ["last"])
    assert Event.objects.filter(kind="deployment.failed").count() == 1


@pytest.mark.django_db(transaction=True)
def test_ends_said_at_the_same_moment_are_written_once() -> None:
    here = yard()
    run, worker = begun(here)

    found = together(*[lambda: conclusions.finish(run.pk, 1, worker, Phase.SUCCEEDED) for _ in range(6)])

    assert sorted(map(str, found)) == ["False"] * 5 + ["True"]
    assert Event.objects.filter(kind="deployment.succeeded").count() == 1


def test_an_end_by_somebody_else_is_refused() -> None:
    here = yard()
    run, _ = begun(here)
    other = here.worker()
    with pytest.raises(LeaseLost):
        conclusions.finish(run.pk, 1, other, Phase.SUCCEEDED)
    with pytest.raises(LeaseLost):
        conclusions.finish(run.pk, 1, "somebody", Phase.SUCCEEDED)


def test_giving_up_without_being_asked_to_is_an_error() -> None:
    here = yard()
    run, worker = begun(here)
    conclusions.finish(run.pk, 1, worker, Phase.CANCELLED)
    assert fresh(run).phase == Phase.ERRORED


def test_what_was_open_when_the_run_ended_gets_an_end_too() -> None:
    here = yard()
    run, worker = begun(here)
    steps.report(run.pk, 1, worker, Report(n=1, name="Fetch", phase="running"))

    conclusions.finish(run.pk, 1, worker, Phase.FAILED, "no space left")

    assert steps_of(run) == [("Fetch", "failed"), ("install", "skipped"), ("migrate", "skipped")]


def test_who_waits_for_a_run_that_failed_is_errored_with_the_reason() -> None:
    here = yard()
    (before,) = work(here)
    (after,) = work(here, after=before)
    (last,) = work(here, after=after)
    claim.by_control("me", before.pk)

    conclusions.finish(before.pk, 1, "me", Phase.FAILED, "no room on the host")

    for run in (fresh(after), fresh(last)):
        assert run.phase == Phase.ERRORED
        assert "no room on the host" in run.reason


# Cancelling and sealing


def test_a_run_in_the_queue_is_cancelled_at_once() -> None:
    here = yard()
    here.worker()
    run = here.deploy().run

    cancellations.cancel(run, by=here.owner)

    run = fresh(run)
    assert run.phase == Phase.CANCELLED and run.reason == f"Cancelled by {who(here.owner.label)}."
    assert here.slot.target is None
    assert list(Event.objects.filter(app_id=here.app.pk).order_by("number").values_list("kind", flat=True))[-2:] == [
        "run.cancel_asked",
        "deployment.cancelled",
    ]


def test_a_run_that_is_held_is_asked_and_goes_on_until_its_holder_hears() -> None:
    here = yard()
    run, worker = begun(here)

    cancellations.cancel(run, by=here.owner)
    cancellations.cancel(run, by=here.owner)

    assert fresh(run).phase == Phase.RUNNING
    assert renew.extend(worker, [(run.pk, 1)])[0].cancel
    assert steps.report(run.pk, 1, worker, Report(n=1, name="Fetch", phase="running")) is True
    assert Event.objects.filter(kind="run.cancel_asked").count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_cancelling_and_sealing_at_the_same_moment_one_comes_first() -> None:
    for _ in range(8):
        here = yard()
        run, worker = begun(here)

        asked, sealed = together(
            lambda here=here, run=run: cancellations.cancel(run, by=here.owner),
            lambda run=run, worker=worker: seal.seal(run.pk, 1, worker),
        )

        row = fresh(run)
        assert (row.sealed_at is None) != (row.cancel_asked_at is None)
        assert isinstance(asked, cancel.Sealed) == (row.sealed_at is not None)
        assert isinstance(sealed, seal.CancelAsked) == (row.cancel_asked_at is not None)


def test_sealing_needs_the_lease() -> None:
    here = yard()
    run, worker = begun(here)
    silent(run)
    with pytest.raises(LeaseLost):
        seal.seal(run.pk, 1, worker)


def test_a_finished_run_cannot_be_cancelled() -> None:
    here = yard()
    run, worker = begun(here)
    conclusions.finish(run.pk, 1, worker, Phase.SUCCEEDED)
    with pytest.raises(cancel.Finished):
        cancellations.cancel(run, by=here.owner)


def test_a_viewer_may_not_cancel_and_a_stranger_does_not_see_it() -> None:
    here = yard()
    run, _ = begun(here)
    from projects.errors import NotAllowed, NotFound

    with pytest.raises(NotAllowed):
        cancellations.cancel(run, by=here.cast.viewer)
    from environments.runs import lookup

    with pytest.raises(NotFound):
        lookup.find(here.cast.stranger, run.pk)


# What silence means


def test_a_run_whose_lease_lasts_is_left_alone() -> None:
    here = yard()
    run, _ = begun(here)
    sweeping.sweep()
    assert (fresh(run).phase, fresh(run).attempt) == (Phase.RUNNING, 1)


def test_a_lost_attempt_goes_back_into_the_queue_on_its_host() -> None:
    here = yard()
    run, worker = begun(here)
    silent(run)

    sweeping.sweep()

    row = fresh(run)
    assert (row.phase, row.attempt, row.claimant, row.host_id) == (Phase.QUEUED, 1, "", worker.host_id)
    assert claim.by_worker(worker, "next").attempt == 2


def test_a_lease_from_before_the_clock_went_back_holds_nobody_up_for_as_long() -> None:
    here = yard()
    run, _ = begun(here)
    Run.objects.filter(pk=run.pk).update(lease_until=timezone.now() + timedelta(hours=1))

    sweeping.sweep()

    assert fresh(run).phase == Phase.QUEUED


def cancelled(run: Run, worker: object, here: Yard) -> None:
    cancel.ask(run, by=here.owner)


def sealed(run: Run, worker: object, here: Yard) -> None:
    seal.seal(run.pk, run.attempt, worker)


def used_up(run: Run, worker: object, here: Yard) -> None:
    Run.objects.filter(pk=run.pk).update(max_attempts=1)


def sealed_and_used_up(run: Run, worker: object, here: Yard) -> None:
    sealed(run, worker, here)
    used_up(run, worker, here)


def once_begun(run: Run, worker: object, here: Yard) -> None:
    steps.report(run.pk, run.attempt, worker, Report(n=3, name="migrate", phase="running"))


def once_not_begun(run: Run, worker: object, here: Yard) -> None:
    steps.report(run.pk, run.attempt, worker, Report(n=2, name="install", phase="running"))


@pytest.mark.parametrize(
    ("before", "phase", "word"),
    [
        (cancelled, Phase.CANCELLED, "Cancelled by owner"),
        (sealed, Phase.QUEUED, ""),
        (used_up, Phase.ERRORED, "attempt 1 of 1"),
        (sealed_and_used_up, Phase.QUEUED, ""),
        (once_begun, Phase.ERRORED, "migrate must not be repeated"),
        (once_not_begun, Phase.QUEUED, ""),
    ],
)
def test_the_verdict_on_a_lost_attempt(before: Callable[..., None], phase: Phase, word: str) -> None:
    here = yard()
    run, worker = begun(here)
    before(run, worker, here)
    silent(run)

    sweeping.sweep()

    assert fresh(run).phase == phase
    assert word in fresh(run).reason


def test_a_sealed_run_whose_host_stays_away_is_given_up_after_a_while() -> None:
    here = yard()
    run, worker = begun(here)
    sealed(run, worker, here)
    silent(run)
    sweeping.sweep()
    assert fresh(run).phase == Phase.QUEUED
    with connection.cursor() as cursor:
        cursor.execute("UPDATE environments_run SET not_before = clock_timestamp() - interval '16 minutes'")

    sweeping.sweep()

    assert fresh(run).phase == Phase.ERRORED and "host did not come back" in fresh(run).reason


def test_what_goes_on_far_beyond_its_deadline_is_ended() -> None:
    here = yard()
    run, worker = begun(here)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE environments_run SET deadline_at = clock_timestamp() - interval '2 minutes'")

    sweeping.sweep()

    assert fresh(run).phase == Phase.ERRORED and "longer than" in fresh(run).reason
    assert not renew.extend(worker, [(run.pk, 1)])[0].held


def test_what_hangs_behind_the_point_of_no_return_is_ended_too_though_its_holder_lives() -> None:
    here = yard()
    worker = here.worker()
    here.deployed(worker, "1.0", manifest=PLAIN)
    here.deploy("1.1", manifest=PLAIN)
    run = claim.by_worker(worker, "key")
    assert run is not None
    sealed(run, worker, here)

    for minutes in (2, 16):
        assert fresh(run).phase == Phase.RUNNING
        with connection.cursor() as cursor:
            late = f"clock_timestamp() - interval '{minutes} minutes'"
            cursor.execute(f"UPDATE environments_run SET deadline_at = {late} WHERE id = %s", [run.pk])
        sweeping.sweep()

    assert fresh(run).phase == Phase.ERRORED and "hangs behind the point of no return" in fresh(run).reason
    assert not renew.extend(worker, [(run.pk, 1)])[0].held
    (slot,) = assignments.desired(worker)["slots"]
    assert slot["above"] == here.slot.last_number > here.slot.live.number


@pytest.mark.django_db(transaction=True)
def test_a_lost_run_swept_by_many_at_once_gets_one_verdict() -> None:
    here = yard()
    run, worker = begun(here)
    used_up(run, worker, here)
    silent(run)

    assert together(*[sweeping.sweep for _ in range(5)]) == [None] * 5

    assert Event.objects.filter(kind="deployment.errored").count() == 1


@pytest.mark.django_db(transaction=True)
def test_an_end_and_a_sweep_at_the_same_moment_agree() -> None:
    for _ in range(5):
        here = yard()
        run, worker = begun(here)
        used_up(run, worker, here)
        silent(run)

        said, _ = together(
            lambda run=run, worker=worker: conclusions.finish(run.pk, 1, worker, Phase.SUCCEEDED), sweeping.sweep
        )

        row = fresh(run)
        assert row.phase == (Phase.SUCCEEDED if said is True else Phase.ERRORED)
        assert (here.slot.live_id == row.deployment_id) == (row.phase == Phase.SUCCEEDED)


def test_abandoning_ends_even_what_is_sealed() -> None:
    here = yard()
    run, worker = begun(here)
    seal.seal(run.pk, 1, worker)

    conclusions.abandon(run.pk, outcome=Phase.CANCELLED, reason="The environment was deleted.")

    assert fresh(run).phase == Phase.CANCELLED
    with pytest.raises(LeaseLost):
        finish.finish(run.pk, 1, worker, outcome=Phase.SUCCEEDED)


# Steps


def test_a_late_word_does_not_undo_a_steps_end_and_times_are_the_databases() -> None:
    here = yard()
    run, worker = begun(here)
    for phase in ("running", "succeeded", "running"):
        steps.report(run.pk, 1, worker, Report(n=1, name="Fetch", phase=phase, detail=phase))

    step = RunStep.objects.get(run=run, n=1)

    assert (step.phase, step.detail) == ("succeeded", "succeeded")
    assert step.started_at <= step.finished_at <= timezone.now() + timedelta(seconds=1)


def test_a_steps_end_and_the_next_ones_beginning_are_told_in_one_breath() -> None:
    here = yard()
    run, worker = begun(here)

    steps.report(
        run.pk,
        1,
        worker,
        Report(n=1, name="Fetch", phase="succeeded"),
        Report(n=2, name="install", phase="running"),
    )

    first, second = RunStep.objects.filter(run=run, n__lte=2).order_by("n")
    assert (first.phase, second.phase) == ("succeeded", "running")
    assert first.started_at is not None
    assert first.finished_at <= second.started_at


def test_a_step_keeps_that_it_must_not_be_repeated() -> None:
    here = yard()
    run, worker = begun(here, manifest=PLAIN)
    steps.report(run.pk, 1, worker, Report(n=3, name="migrate", phase="running", once=False))
    assert RunStep.objects.get(run=run, n=3).once is True


def test_queued_runs_get_rising_numbers() -> None:
    here = yard()
    first = queue.enqueue(kind=RunKind.PREPARE, by=here.owner, organization=here.owner.organization)
    second = queue.enqueue(kind=RunKind.PREPARE, by=here.owner, organization=here.owner.organization)
    assert first.number < second.number
