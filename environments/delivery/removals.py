"""Removals: an app's services are drained and stopped in one environment, and its addresses become free."""

from environments.delivery import deployments
from environments.models import Deployment, DeploymentKind, Environment
from projects import events
from projects.access import Actor
from projects.models import App


@events.operation
def remove(
    *, by: Actor, app: App, environment: Environment, reason: str = "", link: str = "", confirm: str | None = None
) -> Deployment:
    return deployments.at_once(
        environment, by=by, app=app, kind=DeploymentKind.REMOVAL, reason=reason, link=link, confirm=confirm
    )
