"""What a link or a form wishes to be planned, looked up with the rights of who asks."""

from collections.abc import Mapping
from dataclasses import dataclass

from environments import lifecycle
from environments.delivery import deployments
from environments.models import Deployment, DeploymentKind, Environment, Plan
from environments.planning import plans
from projects import apps, releases
from projects.errors import NotFound
from projects.models import App, Release
from projects.views.signed_in import Visit


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a link or a form asks for."""

    kind: str
    app: App
    environment: Environment
    release: Release | None
    to_deployment: Deployment | None
    configuration: str
    bypass: bool
    reason: str
    link: str

    def propose(self, visit: Visit) -> Plan:
        return plans.propose(
            by=visit.actor,
            app=self.app,
            environment=self.environment,
            kind=self.kind or None,
            release=self.release,
            to_deployment=self.to_deployment,
            configuration=self.configuration or None,
            bypass=self.bypass,
            reason=self.reason,
            link=self.link,
        )

    @property
    def given(self) -> dict[str, str]:
        """The same wish as parameters of a link."""
        return {
            "kind": self.kind,
            "app": str(self.app.id),
            "environment_id": str(self.environment.id),
            "release": str(self.release.id) if self.release else "",
            "to_deployment": str(self.to_deployment.id) if self.to_deployment else "",
            "configuration": self.configuration,
            "bypass": "1" if self.bypass else "",
            "reason": self.reason,
        }


def wish_of(request: Visit, given: Mapping[str, str]) -> Wish:
    if given.get("kind", "") not in {"", *DeploymentKind.values}:
        raise NotFound("There is no plan of this kind.")
    app = apps.find(request.actor, given.get("app", ""))
    environment = lifecycle.find(request.actor, given.get("environment_id", ""))
    release = given.get("release", "")
    returned = given.get("to_deployment", "")
    return Wish(
        kind=given.get("kind", ""),
        app=app,
        environment=environment,
        release=releases.find(request.actor, release) if release else None,
        to_deployment=deployments.find(request.actor, returned) if returned else None,
        configuration=given.get("configuration", ""),
        bypass=bool(given.get("bypass")),
        reason=given.get("reason", "").strip(),
        link=given.get("link", "").strip(),
    )
