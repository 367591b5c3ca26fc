"""Probing an integration: it is asked now, with the secrets of one environment, and what came of it is kept."""

from dataclasses import dataclass

from django.utils import timezone

from environments import seen as environments
from environments.configuration import catalogue, enabling, probes, rights
from environments.models import Environment, Integration
from environments.resolving import resolution, statements
from environments.resolving.problems import Unresolvable
from environments.resolving.resolution import Target
from environments.resolving.scopes import Scope
from projects import access, events, limits
from projects.access import Actor
from projects.credentials import Secret
from projects.errors import Invalid

# What came of asking where somebody does not see the environment whose secrets it was asked with.
ELSEWHERE = {
    "unreachable": "does not answer as it should",
    "refused": "does not let in whoever asks with what it names",
    "no-value": "was not asked: a secret that it names has no value there",
}
# Probes of one actor in so many seconds: each keeps somebody who answers requests waiting.
MOST, SECONDS = 20, 60
# Environments that are looked at for one whose secrets may be used.
FEW = 10


@dataclass(frozen=True)
class Probe:
    """What came of asking: `code` and `error` are empty where it answers as it should."""

    code: str
    error: str


def probe(integration: Integration, *, by: Actor, environment: Environment | None = None) -> Probe:
    """For who may use the environment's secrets. It is asked before anything is written: nobody waits behind it."""
    by.why.check()
    access.require_own(by, integration.organization_id)
    place = environment or usual(integration, by=by)
    if place is None:
        raise Invalid.field("environment_id", "name an environment: it is asked with its secrets")
    rights.check_use(Scope(environment=place), by=by)
    limits.spend(f"probe:{by.organization.pk}:{by.label}", most=MOST, seconds=SECONDS)
    try:
        probes.ask(integration, _credentials(integration, place))
    except probes.Trouble as trouble:
        told = Probe(trouble.code, f"{integration.name} {trouble}.")
    else:
        told = Probe("", "")
    return _probed(integration, told, place, by=by)


def usual(integration: Integration, *, by: Actor) -> Environment | None:
    """The first environment in which it is enabled and whose secrets the actor may use; else the default one, or one
    that was made early."""
    found = [scope.environment for scope in enabling.places(integration, by=by) if scope.environment]
    found += environments.environments(by).order_by("-is_default", "created_at", "id")[:FEW]
    return next((one for one in found if may(one, by=by)), found[0] if found else None)


def may(environment: Environment, *, by: Actor) -> bool:
    return rights.can_use(Scope(environment=environment), by=by)


def seen(integration: Integration, *, by: Actor) -> bool:
    """Whether the actor sees the environment in which it was asked."""
    place = integration.probed_in
    return place is not None and by.sees(project_id=place.project_id, environment_id=place.pk)


def error(integration: Integration, *, by: Actor) -> str:
    """What was wrong, with keys and addresses for those alone who see where it was asked."""
    if not integration.probe_code or seen(integration, by=by):
        return integration.probe_error
    return f"{integration.name} {ELSEWHERE.get(integration.probe_code, ELSEWHERE['unreachable'])}."


def _credentials(integration: Integration, place: Environment) -> dict[str, Secret]:
    """In the open, by their names in the catalogue; Trouble, naming the key, where there is none in that place."""
    target = Target(organization_id=integration.organization_id, environment_id=place.pk)
    found, opened = resolution.resolve(target, asking=statements.without_origins), {}
    for field in catalogue.of(integration).credentials:
        if (key := integration.secrets.get(field.name)) is None:
            continue
        winner = found.winners.get(key)
        if winner is None:
            raise probes.Trouble("no-value", f"was not asked: {key} is set nowhere in that environment")
        if not winner.is_secret:
            raise probes.Trouble("no-value", f"was not asked: {key} is a variable there, and no secret")
        try:
            value = found.environ([key])[key]
        except Unresolvable as refusal:
            raise probes.Trouble("no-value", f"was not asked: {refusal.detail.rstrip('.')}") from None
        if not value:
            raise probes.Trouble("no-value", f"was not asked: {key} is empty in that environment")
        opened[field.name] = Secret(value)
    return opened


@events.operation
def _probed(integration: Integration, told: Probe, place: Environment, *, by: Actor) -> Probe:
    """What was asked is what is there now, or nothing is kept: it may have been changed while it was asked."""
    now = timezone.now()
    same = Integration.objects.filter(pk=integration.pk, updated_at=integration.updated_at)
    if same.update(probed_at=now, probe_code=told.code, probe_error=told.error, probed_in=place):
        integration.probed_at, integration.probe_code, integration.probe_error = now, told.code, told.error
        integration.probed_in = place
        events.record(
            "integration.probed",
            by=by,
            object={"kind": "integration", "id": integration.id, "name": integration.name},
            project_id=place.project_id,
            environment_id=place.pk,
            subjects=["integrations"],
            environment=place.title,
            outcome="does not answer as it should" if told.code else "answers",
        )
    return told
