"""A running environment with workers that joined it: what runs and the workers' doors are tested on."""

import itertools
import uuid
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from environments import lifecycle, workers
from environments.delivery import deployments
from environments.doing import conclusions, provisioning
from environments.joining import Machine
from environments.models import Deployment, Environment, Phase, Run, RunStep, Slot, Worker
from environments.planning import plans
from environments.runs import claim
from projects.access import Actor
from projects.models import App
from tests import builders

MANIFEST = """
steps:
  - {name: install, run: "true", env: {MODE: fast}}
  - {name: migrate, run: "true", once: true}
services:
  - {name: web, run: "serve --port $PORT", health: {http: /, within: 60s}}
  - {name: jobs, run: "work", port: false}
"""
PLAIN = """
steps:
  - {name: install, run: "true"}
services:
  - {name: web, run: "serve --port $PORT"}
"""
_ports = itertools.count(23000, 50)


@dataclass
class Yard:
    cast: builders.Cast
    environment: Environment
    app: App
    sessions: dict[uuid.UUID, str] = field(default_factory=dict)

    @property
    def owner(self) -> Actor:
        return self.cast.owner

    def another(self, name: str) -> "Yard":
        """The same organization and app, another environment."""
        return Yard(self.cast, running(self.owner, name), self.app, self.sessions)

    def worker(self, *, machine: Machine | None = None, previous: str = "") -> Worker:
        registration = workers.register(
            self.environment,
            kind="joined",
            hostname="node",
            version="1",
            machine=machine or new_machine(),
            previous_session=previous,
        )
        self.sessions[registration.worker.pk] = registration.session.reveal()
        return registration.worker

    def session(self, worker: Worker) -> str:
        return self.sessions[worker.pk]

    def deploy(self, version: str = "", *, app: App | None = None, manifest: Any = MANIFEST) -> Deployment:
        release = builders.release(self.owner, app or self.app, version, manifest=manifest)
        plan = plans.propose(by=self.owner, release=release, environment=self.environment)
        return deployments.carry_out(plan, by=self.owner)

    def deployed(self, worker: Worker, version: str = "", **wish: Any) -> Deployment:
        """Carried out by this worker, and live."""
        deployment = self.deploy(version, **wish)
        run = claim.by_worker(worker, uuid.uuid4().hex)
        assert run is not None and run.deployment_id == deployment.pk
        conclusions.finish(run.pk, run.attempt, worker, Phase.SUCCEEDED)
        return deployment

    @property
    def slot(self) -> Slot:
        return Slot.objects.get(app=self.app, environment=self.environment)


def yard(name: str = "development") -> Yard:
    cast = builders.cast()
    return Yard(cast, running(cast.owner, name), builders.app(cast.owner))


def running(by: Actor, name: str) -> Environment:
    """Made through the house: its provision run is claimed and ends well."""
    environment = lifecycle.create(by=by, name=name, provisioner="external")
    run = Run.objects.get(environment=environment)
    claimed = claim.by_control("test", run.pk)
    assert claimed is not None
    provisioning.plan(claimed)
    conclusions.finish(run.pk, claimed.attempt, "test", Phase.SUCCEEDED)
    return Environment.objects.get(pk=environment.pk)


def new_machine(ident: uuid.UUID | None = None) -> Machine:
    return Machine(
        id=ident or uuid.uuid4(), address="127.0.0.1", endpoint_first=next(_ports), endpoint_count=50, name="node"
    )


def silent(run: Run) -> None:
    """Nobody has heard of the run's holder for longer than a lease."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE environments_run SET lease_until = clock_timestamp() - interval '1 second' WHERE id = %s", [run.pk]
        )


def steps_of(run: Run) -> list[tuple[str, str]]:
    return list(RunStep.objects.filter(run=run, attempt=run.attempt).values_list("name", "phase"))
