"""Everybody at once: nobody waits in a circle, and what is left agrees with itself."""

import time
import uuid
from contextlib import suppress

import pytest
from django.db import connection

from environments import cancellations, lifecycle, retries, workers
from environments.delivery import deployments
from environments.doing import assignments, conclusions, observing, sweeping
from environments.models import UNFINISHED, Phase, Run, Slot, Worker
from environments.planning import plans
from environments.runs import renew, sessions
from environments.runs.lease import LeaseLost
from projects import events
from projects.errors import Refused
from projects.models import Event
from tests import builders
from tests.environments.test_runs_claim import together
from tests.environments.yard import PLAIN, Yard, silent, yard

pytestmark = pytest.mark.django_db(transaction=True)
SECONDS = 6


def deadlocks() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


class Crowd:
    def __init__(self) -> None:
        self.yard: Yard = yard()
        self.worker: Worker = self.yard.worker()
        self.release = builders.release(self.yard.owner, self.yard.app, manifest=PLAIN)
        self.until = 0.0
        self.turns: dict[str, int] = {}

    def again_and_again(self, name: str) -> None:
        act = getattr(self, name)
        while name not in self.turns or time.monotonic() < self.until:
            with suppress(Refused, LeaseLost):
                act()
            self.turns[name] = self.turns.get(name, 0) + 1

    def unfinished(self) -> Run | None:
        return Run.objects.filter(app=self.yard.app, phase__in=UNFINISHED).first()

    def ask(self) -> None:
        plan = plans.propose(by=self.yard.owner, release=self.release, environment=self.yard.environment)
        deployments.carry_out(plan, by=self.yard.owner)

    def claim(self) -> None:
        assignments.take(self.worker, uuid.uuid4().hex)

    def finish(self) -> None:
        if run := self.unfinished():
            conclusions.finish(run.pk, run.attempt, self.worker, Phase.SUCCEEDED)

    def heartbeat(self) -> None:
        run = self.unfinished()

        @events.operation
        def beat() -> None:
            renew.extend(self.worker, [(run.pk, run.attempt)] if run else [])
            sessions.beat(self.worker, status="busy")

        beat()

    def observe(self) -> None:
        observing.observe(Worker.objects.get(pk=self.worker.pk), {"slots": []})

    def cancel(self) -> None:
        if run := self.unfinished():
            cancellations.cancel(run, by=self.yard.owner)

    def lose(self) -> None:
        if run := self.unfinished():
            silent(run)
        sweeping.sweep()

    def retry(self) -> None:
        run = Run.objects.filter(app=self.yard.app).order_by("-number").first()
        if run:
            retries.retry(run, by=self.yard.owner)

    def change(self) -> None:
        lifecycle.update(self.yard.environment, by=self.yard.owner, description=uuid.uuid4().hex)


def test_nobody_waits_in_a_circle() -> None:
    crowd, before = Crowd(), deadlocks()
    names = ("ask", "claim", "finish", "heartbeat", "observe", "cancel", "lose", "retry", "change")

    crowd.until = time.monotonic() + SECONDS
    found = together(*[lambda name=name: crowd.again_and_again(name) for name in names])

    assert found == [None] * len(names)
    assert set(crowd.turns) == set(names)
    time.sleep(1.2)
    assert deadlocks() == before, "somebody waited in a circle"
    ended = Run.objects.filter(app=crowd.yard.app).exclude(phase__in=UNFINISHED)
    told = Event.objects.filter(kind__in=[f"deployment.{word}" for word in ("succeeded", "errored", "cancelled")])
    # A retried run ends more than once; every end is told, and none twice.
    assert told.count() - ended.count() <= Event.objects.filter(kind="deployment.retried").count()
    live = Slot.objects.get(app=crowd.yard.app).live
    newest = ended.filter(phase=Phase.SUCCEEDED).order_by("-deployment__number").first()
    assert (live.pk if live else None) == (newest.deployment_id if newest else None), crowd.turns


def test_deleting_an_environment_meets_its_runs_ends_without_a_circle() -> None:
    before = deadlocks()
    for _ in range(4):
        crowd = Crowd()
        crowd.ask()
        crowd.claim()
        together(
            lambda crowd=crowd: crowd.finish(),
            lambda crowd=crowd: lifecycle.delete(crowd.yard.environment, by=crowd.yard.owner, force=True),
            lambda crowd=crowd: workers.disconnect(crowd.worker, by=crowd.yard.owner, reason="now"),
            lambda crowd=crowd: crowd.heartbeat(),
        )
        run = Run.objects.get(app=crowd.yard.app, kind="deploy")
        assert run.phase in Phase.values
    time.sleep(1.2)
    assert deadlocks() == before
