"""Promotions: a release goes on to the next stage, plan and deployment in one operation."""

from collections.abc import Sequence
from typing import Any

from environments.delivery import deployments
from environments.models import Deployment, Environment, Plan, Slot, Stage
from environments.planning import plans, stages
from projects import events
from projects.access import Actor
from projects.errors import Invalid
from projects.models import App, Release


@events.operation
def promote(
    *,
    by: Actor,
    environment: Environment,
    release: Release | None = None,
    app: App | None = None,
    configuration: str | None = None,
    bypass: bool = False,
    lift_hold: bool = False,
    reason: str = "",
    link: str = "",
    confirm: str | None = None,
) -> Deployment:
    """Take `release`, or what is live in the stage before, into `environment`.

    Into a first stage and outside the chain this is a deploy, of what is live there already a redeploy.
    """
    return deployments.at_once(
        environment,
        by=by,
        app=_named(app, release),
        release=release,
        configuration=configuration,
        bypass=bypass,
        lift_hold=lift_hold,
        reason=reason,
        link=link,
        confirm=confirm,
    )


@events.operation
def promote_stage(
    *, by: Actor, environments: Sequence[Environment], confirm: str | None = None, **wish: Any
) -> list[Deployment]:
    """Into several environments of one stage, all or none; `confirm` is the stage's name, `wish` as in `promote`."""
    app, ordered, stage = _one_stage(environments, app=wish.get("app"), release=wish.get("release"))
    # All slots before the first environment: whoever locks in one order never waits in a circle.
    for environment in ordered:
        plans.slot_of(app, environment)
    list(Slot.objects.select_for_update(no_key=True).filter(app=app, environment__in=ordered).order_by("id"))
    planned = [plans.propose(by=by, environment=environment, **wish) for environment in ordered]
    required = any(environment.protected for environment in ordered)
    deployments.check_confirmation(confirm, name=stage.name, required=required)
    refuse_together(planned)
    return [deployments.carry_out(plan, by=by, confirm=plan.environment.name) for plan in planned]


@events.operation
def plan_stage(
    *, by: Actor, environments: Sequence[Environment], confirm: str | None = None, **wish: Any
) -> list[Plan]:
    """What `promote_stage` would do, without doing it; `confirm` need not be given, but be right."""
    _, ordered, stage = _one_stage(environments, app=wish.get("app"), release=wish.get("release"))
    deployments.check_confirmation(confirm, name=stage.name, required=False)
    return [plans.propose(by=by, environment=environment, **wish) for environment in ordered]


def refuse_together(planned: Sequence[Plan]) -> None:
    """Blocked with the gates of every environment, if one of the plans is blocked."""
    blocked = [plan for plan in planned if plan.blocked]
    if not blocked:
        return
    closed = [gate for plan in blocked for gate in plan.gates if not gate["passed"]]
    where = ", ".join(plan.environment.title for plan in blocked)
    raise plans.Blocked(
        f"Nothing was promoted, because of {where}: {closed[0]['sentence']}",
        code="held" if any(gate["code"] == "hold" for gate in closed) else "blocked",
        errors=[{**gate, "environment_id": str(plan.environment_id)} for plan in planned for gate in plan.gates],
    )


def _one_stage(
    environments: Sequence[Environment], *, app: App | None, release: Release | None
) -> tuple[App, list[Environment], Stage]:
    app = _named(app, release)
    chain = stages.applying(app.project, app.organization)
    found = {stages.standing(chain, environment) for environment in environments}
    index = found.pop() if len(found) == 1 else None
    if index is None:
        raise Invalid.field("environment_ids", "name environments of one stage of the chain.")
    return app, sorted(set(environments), key=lambda each: each.id), chain[index]


def _named(app: App | None, release: Release | None) -> App:
    found = app or (release.app if release else None)
    if found is None:
        raise Invalid.field("app_id", "name the app, or a release.")
    return found
