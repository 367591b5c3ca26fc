"""An organization whose environments run and whose workers do what they are told, made through the house's rooms."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from environments import lifecycle, states
from environments.delivery import chains, deployments
from environments.doing import conclusions
from environments.models import Chain, Deployment, Environment, Host, Run, RunKind, State, Worker
from environments.planning import plans
from environments.runs import claim, finish, sessions
from projects import access, apps, events, memberships, releases, tokens
from projects import lifecycle as projects
from projects.access import Actor
from projects.models import App, Organization, Project, Release, Role
from tests import builders

MANIFEST = """
steps:
  - {name: install, run: "true"}
services:
  - {name: web, run: "serve --port $PORT"}
"""


@dataclass
class House:
    """`workers` holds the one worker of each environment, by the environment's id."""

    organization: Organization
    owner: Actor
    workers: dict[uuid.UUID, Worker] = field(default_factory=dict)

    def person(
        self, role: str, *, name: str = "", environment: Environment | None = None, project: Project | None = None
    ) -> Actor:
        membership = memberships.add(
            by=self.owner,
            username=name or builders.name(role),
            password=builders.PASSWORD,
            role=role,
            environment_id=environment.id if environment else None,
            project=project,
        )
        return access.of_user(membership.user, self.organization)

    def token(self, role: str = Role.OPERATOR, *, name: str = "ci") -> Actor:
        token, _ = tokens.create(by=self.owner, name=name, role=role)
        return access.of_token(token)

    def project(self, key: str = "WEB") -> Project:
        return projects.create(by=self.owner, key=key, name=key.title())

    def app(self, name: str = "shop", *, project: Project | None = None) -> App:
        return apps.create(by=self.owner, project=project or self.project(), name=name)

    def release(self, app: App, version: str, *, manifest: str = MANIFEST, **more: Any) -> Release:
        return releases.cut(by=self.owner, app=app, version=version, manifest=manifest, **more)

    def environment(self, name: str, **fields: Any) -> Environment:
        """Running, with a worker that has joined by command from a host of its own."""
        fields.setdefault("provisioner", "external")
        environment = lifecycle.create(by=self.owner, name=name, **fields)
        self._provisioned(environment)
        environment = Environment.objects.get(pk=environment.pk)
        self.worker(environment)
        return environment

    @events.operation
    def _provisioned(self, environment: Environment) -> None:
        run = Run.objects.get(environment=environment, kind=RunKind.PROVISION)
        claimed = claim.by_control("test", run.id)
        assert claimed is not None
        finish.finish(claimed.id, claimed.attempt, "test", outcome="succeeded")
        environment = Environment.objects.get(pk=environment.pk)
        states.move(environment, State.PROVISIONING, by=access.system(self.organization))
        states.move(environment, State.RUNNING, by=access.system(self.organization))

    @events.operation
    def worker(self, environment: Environment, *, addresses: int = 20) -> Worker:
        host = Host.objects.create(
            organization=self.organization,
            name=f"host of {environment.name}",
            address="127.0.0.1",
            endpoint_first=20000,
            endpoint_count=addresses,
        )
        worker, _ = sessions.open(environment, kind="joined", hostname=host.name, version="1", host=host, metadata={})
        self.workers[environment.id] = worker
        return worker

    def chain(self, *stages: str | Iterable[str], project: Project | None = None) -> Chain:
        """One stage for each argument: a name, or the names of several environments in one stage."""
        named = [
            {"name": f"Stage {n}", "environments": [each] if isinstance(each, str) else list(each)}
            for n, each in enumerate(stages, start=1)
        ]
        return chains.create(by=self.owner, name="Chain", stages=named, project=project)

    def claimed(self, deployment: Deployment) -> Run:
        """The environment's worker takes the deployment's run."""
        run = claim.by_worker(self.workers[deployment.environment_id], uuid.uuid4().hex)
        assert run is not None and run.deployment_id == deployment.id
        return run

    def ended(self, deployment: Deployment, outcome: str = "succeeded", reason: str = "why") -> Deployment:
        """The worker carries it out, with this outcome."""
        run = self.claimed(deployment)
        worker = self.workers[deployment.environment_id]
        conclusions.finish(run.id, run.attempt, worker, outcome, "" if outcome == "succeeded" else reason)
        return Deployment.objects.get(pk=deployment.pk)

    def live(self, release: Release, environment: Environment) -> Deployment:
        """Deployed there, whatever the gates say, and succeeded."""
        plan = plans.propose(
            by=self.owner, release=release, environment=environment, bypass=True, lift_hold=True, reason="a test"
        )
        return self.ended(deployments.carry_out(plan, by=self.owner, confirm=environment.name))


def house() -> House:
    organization = builders.organization()
    return House(organization, builders.owner_of(organization))
