"""A chain of three running environments and an app with three releases: what delivery is tested on."""

from dataclasses import dataclass
from typing import Any

from environments.configuration import variables
from environments.delivery import deployments, promotions, rollbacks
from environments.models import Deployment, Environment, Slot
from environments.planning import pinning, plans
from environments.resolving.scopes import Scope
from projects.access import Actor
from projects.models import App, Release
from tests.environments.house import House, house


@dataclass
class Line:
    house: House
    app: App
    development: Environment
    staging: Environment
    production: Environment
    v1: Release
    v2: Release
    v3: Release

    @property
    def owner(self) -> Actor:
        return self.house.owner

    def slot(self, environment: Environment) -> Slot:
        return Slot.objects.select_related("live__release", "previous__release", "target").get(
            app=self.app, environment=environment
        )

    def deploy(self, release: Release, environment: Environment, *, by: Actor | None = None, **wish: Any) -> Deployment:
        """Asked for, not carried out yet."""
        actor = by or self.owner
        confirm = wish.pop("confirm", None)
        plan = plans.propose(by=actor, release=release, environment=environment, **wish)
        return deployments.carry_out(plan, by=actor, confirm=confirm)

    def deployed(self, release: Release, *environments: Environment, by: Actor | None = None) -> None:
        for environment in environments:
            self.house.ended(self.deploy(release, environment, by=by))

    def configure(self, environment: Environment, **values: str) -> None:
        """Make these the environment's variables, and no others."""
        variables.replace(Scope(environment=environment), values, by=self.owner)

    def promote(self, environment: Environment, *, by: Actor | None = None, **wish: Any) -> Deployment:
        return promotions.promote(by=by or self.owner, environment=environment, app=self.app, **wish)

    def rolled_back(self, environment: Environment, *, by: Actor | None = None, **wish: Any) -> Deployment:
        return self.house.ended(rollbacks.roll_back(by=by or self.owner, app=self.app, environment=environment, **wish))


def values_of(deployment: Deployment) -> dict[str, str]:
    """What it pinned, in the open."""
    return pinning.of_deployment(deployment).environ()


def line() -> Line:
    built = house()
    places = [built.environment(name) for name in ("development", "staging", "production")]
    built.chain("development", "staging", "production")
    app = built.app()
    releases = [built.release(app, version) for version in ("1.0", "2.0", "3.0")]
    return Line(built, app, *places, *releases)
