"""A thousand runs wait, the broker forgets every message: each run is carried out all the same, and once."""

import os
from contextlib import ExitStack

import pytest
import redis

from environments import tasks
from environments.models import Phase, Run, RunKind
from environments.runs import queue
from projects import events
from projects.access import Actor
from tests.environments import house as houses
from tests.environments.site import until
from tests.environments.test_couriers import control

pytestmark = pytest.mark.django_db(transaction=True)
QUEUED = 1000
RUNS = Run.objects.filter(kind=RunKind.PREPARE)


def test_a_thousand_queued_runs_outlive_their_messages_and_are_each_carried_out_once(
    server_environment: dict[str, str],
) -> None:
    house = houses.house()
    environment, project = house.environment("elsewhere"), house.project()

    @events.operation
    def ask(by: Actor) -> None:
        for _ in range(QUEUED):
            run = queue.enqueue(
                kind=RunKind.PREPARE, by=by, organization=by.organization, environment=environment, project=project
            )
            tasks.ring(run)

    ask(house.owner)
    broker = redis.Redis.from_url(os.environ["REDIS_URL"])
    assert int(broker.llen(tasks.QUEUE)) >= QUEUED  # type: ignore[arg-type]  # the client that answers at once
    broker.flushall()

    with ExitStack() as workers:
        for _ in range(2):
            workers.enter_context(control(server_environment))
        until(lambda: not RUNS.filter(phase__in=[Phase.QUEUED, Phase.RUNNING]).exists(), 60)

    assert list(RUNS.values_list("phase", "attempt").distinct()) == [(Phase.SUCCEEDED, 1)]
    assert RUNS.count() == QUEUED
