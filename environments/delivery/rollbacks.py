"""Rollbacks: back to what was live before, with the values it ran with; automation then keeps its hands off."""

from environments.delivery import deployments
from environments.models import Deployment, DeploymentKind, Environment
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
    configuration: str | None = None,
    reason: str = "",
    link: str = "",
    confirm: str | None = None,
) -> Deployment:
    """Return to the release live before the current one first went live there, or to the earlier one named.

    With `configuration` "pinned" the values stay those that run now; else those that it ran with then come back.
    """
    return deployments.at_once(
        environment,
        by=by,
        app=app,
        kind=DeploymentKind.ROLLBACK,
        release=release,
        to_deployment=to_deployment,
        configuration=configuration,
        reason=reason,
        link=link,
        confirm=confirm,
    )
