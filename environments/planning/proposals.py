"""What somebody proposes to do with an app in an environment, before anybody asks whether it may be done."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from environments.models import (
    ConfigurationChoice,
    Deployment,
    DeploymentKind,
    Endpoint,
    Environment,
    Plan,
    Slot,
    Stage,
)
from environments.planning import history, pinning, stages
from environments.resolving import resolution
from projects.access import Actor
from projects.errors import Conflict, Invalid
from projects.models import App, Release

ENTERING = (DeploymentKind.DEPLOY, DeploymentKind.PROMOTION)


class NothingToRollBackTo(Conflict):
    code = "no-rollback-target"


class NotDeployed(Conflict):
    code = "not-deployed"


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """`live` is what runs there now; `returns_to` the deployment whose directory and values a rollback takes up."""

    by: Actor
    app: App
    environment: Environment
    kind: DeploymentKind
    release: Release | None
    slot: Slot
    stages: Sequence[Stage]
    returns_to: Deployment | None = None
    configuration: ConfigurationChoice = ConfigurationChoice.LATEST
    configuration_from: Deployment | None = None
    bypass: bool = False
    lift_hold: bool = False
    reason: str = ""

    @property
    def live(self) -> Deployment | None:
        return self.slot.live

    @property
    def from_release(self) -> Release | None:
        return self.live.release if self.live else None

    @property
    def enters(self) -> bool:
        """Whether it brings in a release that is not live there: what chain, hold and restriction are about."""
        return self.kind in ENTERING

    @cached_property
    def chosen(self) -> pinning.Chosen:
        """The values that it would run with, read once."""
        if self.kind == DeploymentKind.REMOVAL:
            return pinning.Chosen(resolution.EMPTY)
        return pinning.choose(
            self.app,
            self.environment,
            choice=self.configuration,
            live=self.live,
            source=self.configuration_from or self.returns_to,
        )

    @property
    def resolved(self) -> resolution.Resolution:
        return self.chosen.resolution

    @property
    def what(self) -> str:
        return f"{self.app.name} {self.release.version}" if self.release else self.app.name


def of_plan(plan: Plan, *, by: Actor, slot: Slot) -> Proposal:
    """The same intention, seen against what is true now."""
    return Proposal(
        by=by,
        app=plan.app,
        environment=plan.environment,
        kind=DeploymentKind(plan.kind),
        release=plan.release,
        slot=slot,
        stages=stages.applying(plan.app.project, plan.organization),
        returns_to=plan.returns_to,
        configuration=ConfigurationChoice(plan.configuration),
        configuration_from=plan.configuration_from,
        bypass=plan.bypass,
        lift_hold=plan.lift_hold,
        reason=plan.reason,
    )


def of_wish(
    *,
    by: Actor,
    app: App,
    environment: Environment,
    slot: Slot,
    kind: str | None = None,
    release: Release | None = None,
    to_deployment: Deployment | None = None,
    choice: str | None = None,
    bypass: bool = False,
    lift_hold: bool = False,
    reason: str = "",
) -> Proposal:
    """Complete a wish: the kind from what is live and from the chain, the release from the stage before."""
    chain = stages.applying(app.project, app.organization)
    if release is not None and release.app_id != app.id:
        raise Invalid.field("release_id", f"this release is not one of {app.name}.")
    if kind is None and to_deployment is not None:
        kind = DeploymentKind.ROLLBACK
    if kind is not None and kind not in DeploymentKind.values:
        raise Invalid.field("kind", f"must be one of {', '.join(DeploymentKind.values)}.")
    if choice is not None and choice not in ConfigurationChoice.values:
        raise Invalid.field("configuration", f"must be one of {', '.join(ConfigurationChoice.values)}.")
    of_another = choice == ConfigurationChoice.OF_DEPLOYMENT and kind != DeploymentKind.ROLLBACK
    if to_deployment is not None and kind != DeploymentKind.ROLLBACK and not of_another:
        raise Invalid.field("to_deployment_id", "only a rollback returns to a deployment.")
    if of_another and to_deployment is None:
        raise Invalid.field("to_deployment_id", "name the deployment whose configuration is meant.")
    if to_deployment is not None and (to_deployment.app_id, to_deployment.environment_id) != (app.id, environment.id):
        where = f"{app.name} in {environment.title}"
        raise Invalid.field("to_deployment_id", f"this deployment is not one of {where}.")
    returns_to = None
    if kind == DeploymentKind.REMOVAL:
        _check_removal(slot, release, app=app, environment=environment)
    elif kind == DeploymentKind.ROLLBACK:
        release, returns_to = _rollback(slot, release, to_deployment, app=app, environment=environment)
    else:
        release = release or _release_meant(kind, slot, chain, by=by, app=app, environment=environment)
        kind = _kind_of(kind, release, slot, chain, environment=environment)
    return Proposal(
        by=by,
        app=app,
        environment=environment,
        kind=DeploymentKind(kind),
        release=release,
        slot=slot,
        stages=chain,
        returns_to=returns_to,
        configuration=_choice(choice, DeploymentKind(kind)),
        configuration_from=_source(to_deployment, returns_to, release, app=app, environment=environment),
        bypass=bypass,
        lift_hold=lift_hold,
        reason=reason,
    )


def _choice(choice: str | None, kind: DeploymentKind) -> ConfigurationChoice:
    """A rollback brings back the values it ran with; everything else takes those of now."""
    usual = ConfigurationChoice.OF_DEPLOYMENT if kind == DeploymentKind.ROLLBACK else ConfigurationChoice.LATEST
    return ConfigurationChoice(choice) if choice else usual


def _source(
    to_deployment: Deployment | None,
    returns_to: Deployment | None,
    release: Release | None,
    *,
    app: App,
    environment: Environment,
) -> Deployment | None:
    """Whose values are meant where those of an earlier deployment are: the one named, else the last with the release
    that a rollback returns to, which need not be the one whose directory it takes up."""
    if to_deployment is not None or returns_to is None or release is None:
        return to_deployment
    line = list(history.succeeded(app, environment))
    live = line[-1].release if line else None
    with_it = [each for each in history.earlier(line, live) if each.release_id == release.id] if live else []
    return with_it[-1] if with_it else returns_to


def _check_removal(slot: Slot, release: Release | None, *, app: App, environment: Environment) -> None:
    if release is not None:
        raise Invalid.field("release_id", "a removal names no release.")
    # What never went live may still hold addresses: removing frees them.
    addressed = Endpoint.objects.filter(app=app, environment=environment, released_at=None).exists()
    if slot.live is None and not addressed:
        raise NotDeployed(f"{app.name} is not deployed in {environment.title}; there is nothing to remove.")


def _release_meant(
    kind: str | None, slot: Slot, chain: Sequence[Stage], *, by: Actor, app: App, environment: Environment
) -> Release:
    """The release of a wish that names none: what is live, for a redeploy, else what is live in the stage before."""
    if kind == DeploymentKind.REDEPLOY:
        if slot.live is None or slot.live.release is None:
            raise NotDeployed(f"{app.name} is not deployed in {environment.title}; there is nothing to redeploy.")
        return slot.live.release
    if kind == DeploymentKind.DEPLOY:
        raise Invalid.field("release_id", "name the release to deploy.")
    source = stages.before(chain, environment)
    if source is None:
        raise Invalid.field("release_id", f"name the release; no stage comes before {environment.title}.")
    places = stages.environments_of(source)
    slots = Slot.objects.filter(app=app, environment__in=places).select_related("live__release")
    live = {each.environment_id: each.live.release for each in slots if each.live and each.live.release}
    empty = next((place for place in places if place.id not in live), None)
    if empty is not None:
        where = stages.told(empty, to=by)
        raise NotDeployed(f"{app.name} is not live in {where}; deploy it there first, or name a release.")
    if len(set(live.values())) > 1:
        versions = ", ".join(f"{live[place.id].version} in {stages.told(place, to=by)}" for place in places)
        raise Invalid.field("release_id", f"name the release; {source.name} runs different ones: {versions}.")
    return next(iter(live.values()))


def _kind_of(
    kind: str | None, release: Release, slot: Slot, chain: Sequence[Stage], *, environment: Environment
) -> str:
    if slot.live is not None and slot.live.release_id == release.id:
        return DeploymentKind.REDEPLOY
    if kind == DeploymentKind.REDEPLOY:
        raise Invalid.field("kind", f"{release.version} is not live in {environment.title}; deploy or promote it.")
    later = stages.before(chain, environment) is not None
    if kind == DeploymentKind.PROMOTION and not later:
        raise Invalid.field("kind", f"no stage comes before {environment.title}; the kind here is deploy.")
    return kind or (DeploymentKind.PROMOTION if later else DeploymentKind.DEPLOY)


def _rollback(
    slot: Slot, release: Release | None, to_deployment: Deployment | None, *, app: App, environment: Environment
) -> tuple[Release, Deployment]:
    """The release live before the current one first went live there, or an earlier one that is named.

    Only backwards: a release that came after the current one is entered by a promotion, with its gates and past the
    hold, else a rollback would be the way around both.
    """
    where = environment.title
    if slot.live is None or slot.live.release is None:
        raise NotDeployed(f"{app.name} is not deployed in {where}; there is nothing to roll back.")
    current = slot.live.release
    line = list(history.succeeded(app, environment))
    earlier = history.earlier(line, current)
    wanted = earlier
    if to_deployment is not None:
        wanted = [each for each in earlier if each.id == to_deployment.id]
        release = release or to_deployment.release
    if release is not None:
        wanted = [each for each in wanted if each.release_id == release.id]
    if wanted:
        target = wanted[-1]
        assert target.release is not None
        return target.release, history.root(target, line)
    if release is None:
        raise NothingToRollBackTo(f"Nothing was live in {where} before {app.name} {current.version} was.")
    if release.id == current.id:
        raise NothingToRollBackTo(f"{app.name} {release.version} is live in {where} already.")
    if any(each.release_id == release.id for each in line):
        raise NothingToRollBackTo(
            f"{app.name} {release.version} went live in {where} after {current.version} first did; "
            "deploy or promote it instead."
        )
    raise NothingToRollBackTo(f"{app.name} {release.version} was never live in {where}; deploy or promote it instead.")
