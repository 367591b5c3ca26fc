"""Which environments inherit from which, along `based_on`."""

import uuid

from environments.models import Environment
from environments.resolving import scopes
from projects.access import Actor


def heirs(*environments: Environment) -> list[Environment]:
    """Those that inherit from one of these, directly or not."""
    known: set[uuid.UUID] = {one.pk for one in environments}
    found: list[Environment] = []
    generation = list(known)
    while generation:
        born = list(Environment.objects.filter(based_on__in=generation, deleted_at=None).exclude(pk__in=known))
        generation = [one.pk for one in born]
        known |= set(generation)
        found += born
    return found


def circle(environment: Environment, base: Environment) -> list[Environment]:
    """The environments from `base` down to `environment`, if basing it on `base` would close a circle; else none."""
    found: list[Environment] = []
    at: Environment | None = base
    while at is not None and at not in found:
        found.append(at)
        if at.pk == environment.pk:
            return found
        at = at.based_on
    return []


def title(environment: Environment, *, by: Actor) -> str:
    """What it is called to somebody: what one inherits from, or hands down to, may be one that one does not see."""
    seen = by.sees(project_id=environment.project_id, environment_id=environment.pk)
    return environment.title if seen else scopes.ANOTHER
