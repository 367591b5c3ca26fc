"""The pages of integrations: what each is, whether it answers, and where its variables hold and why."""

import uuid
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from environments.configuration import catalogue, enabling, integrations, probing, rights
from environments.models import AgentEnvironment, Environment, Integration, TeamEnvironment
from environments.resolving import enabled
from environments.resolving.resolution import Target
from environments.resolving.scopes import Scope
from projects.access import Actor

# Places that a row of the list names.
MOST_NAMED = 6


@dataclass(frozen=True)
class Place:
    """Somewhere it is enabled; `base` is the environment that this one inherits it from."""

    word: str
    base: str = ""
    kind: str = "environment"


@dataclass(frozen=True)
class Row:
    """`probed_in` is the environment whose secrets it was asked with, empty where that is not seen."""

    integration: Integration
    places: list[Place]
    more: int
    probed_in: str
    wrong: str

    @property
    def type(self) -> str:
        return str(self.integration.get_type_display())


def listed(by: Actor, chosen: Environment | None) -> list[Row]:
    """Every integration, with where it is enabled: anywhere, or what comes to hold in the chosen environment."""
    found = list(integrations.visible(by).select_related("probed_in"))
    scopes = enabling.by_integration(found, by=by)
    places = _anywhere(scopes, by) if chosen is None else _in(chosen, scopes, by)
    return [
        Row(
            one,
            places[one.pk][:MOST_NAMED],
            max(0, len(places[one.pk]) - MOST_NAMED),
            probed_in(one, by),
            probing.error(one, by=by),
        )
        for one in found
    ]


def probed_in(integration: Integration, by: Actor) -> str:
    place = integration.probed_in
    return place.title if place is not None and probing.seen(integration, by=by) else ""


def _anywhere(scopes: dict[uuid.UUID, list[Scope]], by: Actor) -> dict[uuid.UUID, list[Place]]:
    """Each scope, and the environments that inherit from one of these."""
    heirs = rights.reach({one.environment for many in scopes.values() for one in many if one.environment}, by=by).heirs
    places: dict[uuid.UUID, list[Place]] = defaultdict(list)
    for ident, many in scopes.items():
        inherited = _inherited(many, heirs, by)
        for scope in many:
            places[ident].append(_place(scope))
            places[ident] += [Place(heir.title, base=str(scope)) for heir in inherited.get(scope.environment_id, ())]
    return places


def _inherited(
    scopes: list[Scope], heirs: dict[uuid.UUID, list[Environment]], by: Actor
) -> dict[uuid.UUID | None, list[Environment]]:
    """Which environments have it from which of these, the nearest, as far as the actor sees them."""
    direct = {scope.environment_id for scope in scopes if scope.environment_id}
    known = {one.pk: one for ident in direct for one in heirs.get(ident, ())}
    found: dict[uuid.UUID | None, list[Environment]] = defaultdict(list)
    for heir in sorted(known.values(), key=lambda one: one.title.lower()):
        if heir.pk in direct or not by.sees(project_id=heir.project_id, environment_id=heir.pk):
            continue
        base = heir.based_on_id
        while base is not None and base not in direct:
            base = known[base].based_on_id
        if base is not None:
            found[base].append(heir)
    return found


def _in(chosen: Environment, scopes: dict[uuid.UUID, list[Scope]], by: Actor) -> dict[uuid.UUID, list[Place]]:
    """The environment itself or what it is based on, and the teams and agents that work there."""
    places: dict[uuid.UUID, list[Place]] = defaultdict(list)
    for one in enabled.of(Target(organization_id=by.organization.pk, environment_id=chosen.pk)):
        if one.id not in places:  # the nearest comes first, and prevails
            places[one.id].append(Place(chosen.title, base=enabled.scope(one, by=by) if one.distance else ""))
    here = {
        *TeamEnvironment.objects.filter(environment=chosen).values_list("team", flat=True),
        *AgentEnvironment.objects.filter(environment=chosen).values_list("agent", flat=True),
    }
    for ident, many in scopes.items():
        crews = ((scope, scope.team or scope.agent) for scope in many)
        places[ident] += [_place(scope) for scope, crew in crews if crew is not None and crew.pk in here]
    return places


def _place(scope: Scope) -> Place:
    return Place(str(scope), kind="team" if scope.team else "agent" if scope.agent else "environment")


def page(integration: Integration, by: Actor, chosen: Environment | None) -> dict[str, Any]:
    """One: its names, where it is enabled, and what may be done about it."""
    scopes = enabling.places(integration, by=by)
    reach = rights.reach((scope.environment for scope in scopes if scope.environment), by=by)
    inherited = _inherited(scopes, reach.heirs, by)
    return {
        "integration": integration,
        "kind": catalogue.of(integration),
        "probed_in": probed_in(integration, by),
        "wrong": probing.error(integration, by=by),
        "names": _names(integration),
        "scopes": [
            {
                "scope": scope,
                "kind": _place(scope).kind,
                "why_not": rights.why_not(scope, by=by, known=reach),
                "heirs": [one.title for one in inherited.get(scope.environment_id, ())],
            }
            for scope in scopes
        ],
        "elsewhere": enabling.is_elsewhere(integration, by=by),
        "offered": chosen.name if chosen and all(scope.environment != chosen for scope in scopes) else "",
        "probes_in": chosen if chosen and chosen.deleted_at is None else probing.usual(integration, by=by),
    }


def _names(integration: Integration) -> list[dict[str, str]]:
    """Each name that a process gets, with its value, or the key of the secret that gives it."""
    return [
        {
            "key": row.key,
            "label": row.field.label,
            "value": "" if row.field.credential else row.value,
            "secret": integration.secrets[row.field.name] if row.field.credential else "",
        }
        for row in catalogue.rows(integration)
    ]
