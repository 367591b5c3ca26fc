"""The control plane's own runs: step by step, visibly, once, and given up when they hang."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest
from django.conf import settings
from django.db import connection

from environments import lifecycle
from environments.doing import conclusions, keeping, performing
from environments.doing.progress import Progress, Step, StepFailed
from environments.doing.provisioners import DRIVERS
from environments.models import Environment, Phase, Run, RunKind, State
from environments.runs import cancel, claim, logs
from projects.access import Actor
from projects.env_names import COOKIE
from projects.models import Project
from tests import builders
from tests.patience import patience

pytestmark = pytest.mark.django_db(transaction=True)


class Scripted:
    """A driver whose steps are what a test says; it makes nothing."""

    name = "external"

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def provision(self, environment: Environment, *, rest: bool) -> Sequence[Step]:
        return self.steps

    def start(self, environment: Environment) -> Sequence[Step]:
        return self.steps

    def stop(self, environment: Environment) -> Sequence[Step]:
        return self.steps

    def terminate(self, environment: Environment) -> Sequence[Step]:
        return self.steps

    def prepare(self, environment: Environment, project: Project) -> Sequence[Step]:
        return self.steps

    def refresh(self, environment: Environment, progress: Progress) -> None:
        return


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Scripted:
    scripted = Scripted()
    monkeypatch.setitem(DRIVERS, "external", scripted)
    return scripted


@pytest.fixture
def owner() -> Actor:
    return builders.owner_of(builders.organization())


@pytest.fixture
def environment(owner: Actor, driver: Scripted) -> Environment:
    return lifecycle.create(by=owner, name="development", provisioner="external")


def fine(name: str, *, seen: list[str] | None = None) -> Step:
    def act(progress: Progress) -> None:
        progress.say(f"{name} is made")
        if seen is not None:
            seen.append(name)

    return Step(name, act, 10)


def refusing(name: str, reason: str) -> Step:
    def act(progress: Progress) -> None:
        progress.say("trying")
        raise StepFailed(reason)

    return Step(name, act, 10)


def the_run(environment: Environment) -> Run:
    return Run.objects.get(environment=environment, kind=RunKind.PROVISION)


def phases(run: Run) -> list[tuple[str, str]]:
    return list(run.steps.filter(attempt=run.attempt).values_list("name", "phase"))


@contextmanager
def in_background(act: Callable[[], object]) -> Iterator[threading.Thread]:
    def work() -> None:
        try:
            act()
        finally:
            connection.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield thread
    thread.join(30)


def until(question: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + patience(seconds)
    while not question():
        assert time.monotonic() < end, "it did not come in time"
        time.sleep(0.05)


def test_steps_and_their_lines_are_seen_while_they_happen(environment: Environment, driver: Scripted) -> None:
    go_on = threading.Event()

    def wait(progress: Progress) -> None:
        progress.say("half way")
        progress.wait_for(go_on.is_set)

    driver.steps = [fine("First"), Step("Second", wait, 20), fine("Third")]
    with in_background(performing.perform_all):
        until(lambda: [line["text"] for line in logs.read(the_run(environment))] == ["First is made", "half way"])
        run = the_run(environment)
        assert phases(run) == [("First", "succeeded"), ("Second", "running"), ("Third", "pending")]
        assert Environment.objects.get().state == State.PROVISIONING
        go_on.set()

    run = the_run(environment)
    assert run.phase == Phase.SUCCEEDED
    assert Environment.objects.get().state == State.RUNNING
    assert [(line["step"], line["n"]) for line in logs.read(run)] == [(1, 0), (2, 1), (3, 2)]


def test_a_step_that_says_no_is_an_error_with_the_reason_and_a_retry_continues_there(
    environment: Environment, driver: Scripted, owner: Actor
) -> None:
    seen: list[str] = []
    driver.steps = [fine("First", seen=seen), refusing("Second", "The disk is full."), fine("Third", seen=seen)]
    performing.perform_all()
    environment.refresh_from_db()
    run = the_run(environment)
    assert (environment.state, environment.error_message) == ("error", "Second: The disk is full.")
    assert phases(run) == [("First", "succeeded"), ("Second", "failed"), ("Third", "skipped")]
    assert run.last_lines == ["First is made", "trying"]

    driver.steps = [fine("First", seen=seen), fine("Second", seen=seen), fine("Third", seen=seen)]
    lifecycle.retry(environment, by=owner)
    performing.perform_all()
    environment.refresh_from_db()
    run = the_run(environment)
    assert (environment.state, run.attempt) == ("running", 2)
    assert phases(run) == [("First", "skipped"), ("Second", "succeeded"), ("Third", "succeeded")]
    assert seen == ["First", "Second", "Third"]


def test_a_step_that_waits_too_long_times_out(environment: Environment, driver: Scripted) -> None:
    driver.steps = [Step("Heartbeat", lambda progress: progress.wait_for(lambda: False), 0.5)]
    performing.perform_all()

    environment.refresh_from_db()
    assert environment.error_message == "Heartbeat: It took longer than 0 s and was given up."
    assert phases(the_run(environment)) == [("Heartbeat", "failed")]


def test_a_program_that_hangs_is_killed_with_its_step(environment: Environment, driver: Scripted) -> None:
    mark = f"sleep 98765{uuid.uuid4().int % 1000}"
    driver.steps = [
        Step("Directories", lambda progress: progress.run(["/bin/sh", "-c", f"exec {mark}"], environment={}), 1)
    ]
    performing.perform_all()

    environment.refresh_from_db()
    assert environment.state == State.ERROR
    assert not any(mark in words for words in command_lines())


def test_a_step_that_hangs_and_never_looks_up_is_given_up_over_its_head(
    environment: Environment, driver: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "GRACE", 0.5)
    woken = threading.Event()
    said: list[str] = []

    def hang(progress: Progress) -> None:
        woken.wait(30)
        progress.say("I am back")
        said.append("went on")

    driver.steps = [Step("Supervisor", hang, 1)]
    with in_background(performing.perform_all):
        until(lambda: Environment.objects.get().state == State.ERROR)
        run = the_run(environment)
        assert (run.phase, phases(run)) == (Phase.FAILED, [("Supervisor", "failed")])
        woken.set()
    assert said == [] and logs.read(run) == [], "what wakes up too late says and does nothing"
    assert the_run(environment).phase == Phase.FAILED


def hanging(woken: threading.Event) -> Step:
    return Step("Supervisor", lambda progress: woken.wait(30) and None, 0.5)


def as_owner(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
        cursor.execute(statement)
    connection.close()


def test_a_step_that_hangs_is_given_up_also_where_the_database_refuses_that_for_a_while(
    environment: Environment, driver: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "GRACE", 0.2)
    woken = threading.Event()
    driver.steps = [hanging(woken)]
    with in_background(performing.perform_all):
        as_owner("ALTER TABLE environments_runstep ADD CONSTRAINT away CHECK (phase <> 'failed')")
        try:
            time.sleep(2)
            assert the_run(environment).phase == Phase.RUNNING
        finally:
            as_owner("ALTER TABLE environments_runstep DROP CONSTRAINT away")
        until(lambda: the_run(environment).phase == Phase.FAILED, 5)
        woken.set()


def test_a_step_that_hangs_although_its_run_was_cancelled_is_cancelled_over_its_head(
    environment: Environment, driver: Scripted, owner: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "GRACE", 0.5)
    monkeypatch.setattr(keeping, "RENEW_EVERY", 0.1)
    woken = threading.Event()
    driver.steps = [hanging(woken)]
    with in_background(performing.perform_all):
        until(lambda: the_run(environment).phase == Phase.RUNNING)
        cancel.ask(the_run(environment), by=owner)
        until(lambda: the_run(environment).phase == Phase.CANCELLED, 5)
        woken.set()


def test_an_error_that_nobody_foresaw_is_an_error_of_ours(environment: Environment, driver: Scripted) -> None:
    def stumble(progress: Progress) -> None:
        raise ZeroDivisionError("by nothing")

    driver.steps = [Step("Host and users", stumble, 10)]
    performing.perform_all()

    environment.refresh_from_db()
    assert environment.error_message == "Host and users: ZeroDivisionError: by nothing"
    assert the_run(environment).phase == Phase.ERRORED


def test_what_is_asked_to_stop_stops(
    environment: Environment, driver: Scripted, owner: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "RENEW_EVERY", 0.2)
    driver.steps = [Step("First", lambda progress: progress.wait_for(lambda: False), 60)]
    with in_background(performing.perform):
        until(lambda: the_run(environment).phase == Phase.RUNNING)
        cancel.ask(the_run(environment), by=owner)
        until(lambda: the_run(environment).phase == Phase.CANCELLED)
    environment.refresh_from_db()
    assert environment.state == State.ERROR and "Cancelled by owner-" in environment.error_message


def test_what_is_not_wanted_any_more_when_it_begins_is_cancelled(
    environment: Environment, driver: Scripted, owner: Actor
) -> None:
    claimed = claim.by_control("test", the_run(environment).id)
    assert claimed is not None
    lifecycle.delete(environment, by=owner)
    performing.Performance(claimed, "test").carry_out()

    kinds = dict(Run.objects.filter(environment=environment).values_list("kind", "phase"))
    assert kinds == {"provision": "cancelled", "terminate": "queued"}


def test_what_was_taken_away_reports_nothing_more(
    environment: Environment, driver: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "RENEW_EVERY", 0.2)
    driver.steps = [Step("First", lambda progress: progress.wait_for(lambda: False), 60)]
    with in_background(performing.perform) as thread:
        until(lambda: the_run(environment).phase == Phase.RUNNING)
        conclusions.settle(the_run(environment).id, lost=True)
        thread.join(10)
        assert not thread.is_alive()
    run = the_run(environment)
    assert (run.phase, run.attempt) == (Phase.QUEUED, 1)

    driver.steps = [fine("First")]
    performing.perform_all()
    assert (the_run(environment).phase, the_run(environment).attempt) == (Phase.SUCCEEDED, 2)


def test_who_was_frozen_longer_than_its_lease_does_not_go_on(
    environment: Environment, driver: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "RENEW_EVERY", 1000)
    monkeypatch.setattr(keeping, "DOUBT_AFTER", 0.5)
    done: list[str] = []

    def slow(progress: Progress) -> None:
        time.sleep(1)
        progress.check()
        done.append("went on")

    driver.steps = [Step("First", slow, 60)]
    performing.perform()
    assert done == [] and the_run(environment).phase == Phase.RUNNING, "the sweep gives it to somebody else"


def test_a_process_that_ends_gives_back_what_it_carried(
    environment: Environment, driver: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = keeping.Keeper()
    monkeypatch.setattr(performing, "KEEPER", keeper)
    driver.steps = [Step("First", lambda progress: progress.wait_for(lambda: False), 60)]
    with in_background(performing.perform):
        until(lambda: the_run(environment).phase == Phase.RUNNING)
        keeper.give_back()
        until(lambda: the_run(environment).phase == Phase.QUEUED)
    assert performing.perform() is False, "and takes nothing new"


def test_a_program_bears_the_mark_by_which_the_next_start_finds_it(environment: Environment, driver: Scripted) -> None:
    driver.steps = [
        Step("First", lambda progress: progress.say(progress.run(["/usr/bin/env"], environment={"LANG": "C"})), 10)
    ]
    performing.perform_all()

    said = [line["text"] for line in logs.read(the_run(environment), 1, 0, 100)]
    assert f"{COOKIE}={settings.INSTALLATION.id}" in "".join(said) and "DATABASE_URL" not in "".join(said)


def test_a_process_of_another_machine_is_not_taken_for_dead(environment: Environment, driver: Scripted) -> None:
    here, pid = performing.HERE.rsplit(":", 2)[0], 4_000_000
    assert claim.by_control(f"{here}:0123456789ab:{pid}:abc", the_run(environment).id) is not None

    performing.take_over()

    assert the_run(environment).phase == Phase.RUNNING


def test_what_a_dead_process_of_this_machine_held_is_taken_over(environment: Environment, driver: Scripted) -> None:
    dead = 4_000_000
    claimed = claim.by_control(f"{performing.HERE}{dead}:abc", the_run(environment).id)
    assert claimed is not None
    driver.steps = [fine("First")]
    assert performing.perform_all() == 0

    performing.take_over()
    assert performing.perform_all() == 1
    assert the_run(environment).attempt == 2


def test_the_most_urgent_environment_comes_first(owner: Actor, driver: Scripted) -> None:
    order: list[str] = []

    def note(environment: Environment) -> Sequence[Step]:
        return [Step("Note", lambda progress: order.append(environment.name), 10)]

    driver.provision = lambda environment, *, rest: note(environment)  # type: ignore[method-assign]
    for name, priority in (("later", 1), ("first", 10), ("middle", 5)):
        lifecycle.create(by=owner, name=name, provisioner="external", priority=priority)
    performing.perform_all()
    assert order == ["first", "middle", "later"]


def test_a_run_is_carried_out_once_however_many_try(environment: Environment, driver: Scripted) -> None:
    seen: list[str] = []
    driver.steps = [fine("First", seen=seen)]
    threads = []
    for _ in range(6):
        with in_background(lambda: performing.perform(the_run(environment).id)) as thread:
            threads.append(thread)
    assert seen == ["First"]


def command_lines() -> list[str]:
    import psutil

    found = []
    for process in psutil.process_iter():
        try:
            found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found
