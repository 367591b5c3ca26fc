"""Rollbacks: back to what was live before, with the values it ran with; automation then keeps its hands off."""

from environments.delivery import deployments
from environments.models import Deployment, DeploymentKind, Environment
from environments.planning import plans
from projects import events
from projects.access import Actor
from projects.models import App, Release


@events.operation
def roll_back(
    *,
    by: Actor,
    app: App,
    environment: Environment,
    release: Release | None = None,
    to_deployment: Deployment | None = None,
    reason: str = "",
    link: str = "",
    confirm: str | None = None,
) -> Deployment:
    """Return to the release live before the current one first went live there, or to the earlier one named."""
    plan = plans.propose(
        by=by,
        app=app,
        environment=environment,
        kind=DeploymentKind.ROLLBACK,
        release=release,
        to_deployment=to_deployment,
        reason=reason,
        link=link,
    )
    return deployments.carry_out(plan, by=by, confirm=confirm)
