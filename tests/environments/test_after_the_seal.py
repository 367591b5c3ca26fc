"""Beyond the point of no return: which steps are not repeated, how often it is tried, where it leads back."""

import uuid
from typing import Any

import pytest

from environments.doing import assignments, conclusions, sweeping
from environments.models import Phase, Run, Worker
from environments.runs import expire, queue, seal, steps
from environments.runs.steps import Report
from tests.environments.yard import Yard, silent, yard

pytestmark = pytest.mark.django_db


def taken(worker: Worker, key: str = "") -> dict[str, Any]:
    told = assignments.take(worker, key or uuid.uuid4().hex)["run"]
    assert told is not None
    return told


def begun(told: dict[str, Any]) -> list[tuple[str, bool]]:
    return [(step["name"], step["begun"]) for step in told["steps"]]


def lost(told: dict[str, Any]) -> Run:
    silent(Run.objects.get(pk=told["id"]))
    sweeping.sweep()
    return Run.objects.get(pk=told["id"])


def sealed(worker: Worker) -> dict[str, Any]:
    """A deployment whose migration has run, behind its point of no return."""
    told = taken(worker)
    for n, name in ((2, "install"), (3, "migrate")):
        steps.report(uuid.UUID(told["id"]), told["attempt"], worker, Report(n=n, name=name, phase="running"))
        steps.report(uuid.UUID(told["id"]), told["attempt"], worker, Report(n=n, name=name, phase="succeeded"))
    seal.seal(uuid.UUID(told["id"]), told["attempt"], worker)
    return told


def above(worker: Worker) -> int | None:
    (slot,) = assignments.desired(worker)["slots"]
    return slot["above"]


def test_a_later_attempt_is_told_which_steps_must_not_be_repeated() -> None:
    here = yard()
    worker = here.worker()
    here.deploy()
    told = sealed(worker)
    assert begun(told) == [("install", False), ("migrate", False)]

    assert lost(told).phase == Phase.QUEUED

    assert begun(taken(worker)) == [("install", False), ("migrate", True)]


def test_a_claim_that_is_answered_twice_tells_of_earlier_attempts_alone() -> None:
    here = yard()
    worker = here.worker()
    here.deploy()
    told = taken(worker, "key")
    steps.report(uuid.UUID(told["id"]), 1, worker, Report(n=3, name="migrate", phase="running"))

    assert begun(taken(worker, "key")) == [("install", False), ("migrate", False)]


def test_a_sealed_run_that_is_lost_again_and_again_is_given_up() -> None:
    here = yard()
    worker = here.worker()
    here.deploy()
    told = sealed(worker)
    run = Run.objects.get(pk=told["id"])

    attempts = 1
    while lost(told).phase == Phase.QUEUED:
        told = taken(worker)
        attempts += 1
        assert attempts < 20

    run.refresh_from_db()
    assert attempts == queue.ATTEMPTS[run.kind] + expire.MORE_WHEN_SEALED
    assert run.phase == Phase.ERRORED and "after the point of no return" in run.reason


def live_and_another(here: Yard, worker: Worker) -> dict[str, Any]:
    here.deployed(worker, "1.0")
    here.deploy("1.1")
    return sealed(worker)


def test_while_a_run_is_on_its_way_nothing_is_to_be_gone_back_from() -> None:
    here = yard()
    worker = here.worker()
    told = live_and_another(here, worker)
    assert above(worker) is None

    conclusions.finish(uuid.UUID(told["id"]), 1, worker, Phase.SUCCEEDED)

    assert above(worker) is None


def test_the_live_release_is_to_be_gone_back_to_from_a_newer_one_that_was_given_up() -> None:
    here = yard()
    worker = here.worker()
    told = live_and_another(here, worker)

    conclusions.abandon(uuid.UUID(told["id"]), reason="Its host did not come back.")

    assert above(worker) == told["deployment"]["number"] == here.slot.last_number
    assert here.slot.live is not None and here.slot.live.number < above(worker)
    here.deploy("1.2")
    assert above(worker) is None
