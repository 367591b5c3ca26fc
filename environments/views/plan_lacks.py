"""What a planned release lacks in an environment, and where whoever looks may set it."""

from typing import Any

from environments.configuration import rights
from environments.models import Environment, Plan, Slot
from environments.planning import pinning
from environments.resolving.scopes import Scope
from projects.access import Actor
from projects.models import App

# Begins the name of each key's field: a key never meets a field of the form's own.
FIELD = "value:"


def missing(plan: Plan, *, by: Actor) -> dict[str, Any]:
    """`{keys, scopes}` of the form: what lacks a value, and where it may be set by who looks; nothing where nowhere."""
    if not any(gate["code"] == "configuration" and not gate["passed"] for gate in plan.gates):
        return {}
    slot = Slot.objects.filter(app=plan.app, environment=plan.environment).select_related("live").first()
    chosen = pinning.choose(
        plan.app,
        plan.environment,
        choice=plan.configuration,
        live=slot.live if slot else None,
        source=plan.configuration_from or plan.returns_to,
    )
    lacking = pinning.unmet(plan.release, chosen.resolution, secrets=plan.environment.required_secrets)
    places = scopes(plan.app, plan.environment, by=by)
    return {"keys": lacking, "scopes": [(name, str(scope)) for name, scope in places.items()]} if places else {}


def scopes(app: App, environment: Environment, *, by: Actor) -> dict[str, Scope]:
    """Where the actor may set a value that holds for the app there, the narrowest first."""
    return {name: scope for name, scope in every(app, environment).items() if rights.can_write(scope, by=by)}


def every(app: App, environment: Environment) -> dict[str, Scope]:
    return {
        "app-environment": Scope(app=app, environment=environment),
        "project-environment": Scope(project=app.project, environment=environment),
        "environment": Scope(environment=environment),
        "app": Scope(app=app),
        "project": Scope(project=app.project),
        "organization": Scope(),
    }
