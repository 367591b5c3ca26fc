"""Removals: an app's services are drained and stopped in one environment, and its addresses become free."""

from environments.delivery import deployments
from environments.models import Deployment, DeploymentKind, Environment
from environments.planning import plans
from projects import events
from projects.access import Actor
from projects.models import App


@events.operation
def remove(
    *, by: Actor, app: App, environment: Environment, reason: str = "", link: str = "", confirm: str | None = None
) -> Deployment:
    plan = plans.propose(by=by, app=app, environment=environment, kind=DeploymentKind.REMOVAL, reason=reason, link=link)
    return deployments.carry_out(plan, by=by, confirm=confirm)
