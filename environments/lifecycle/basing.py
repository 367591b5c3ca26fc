"""On which environment another one is based, and so whose configuration it inherits."""

from typing import Any

from environments.lifecycle import lookup
from environments.models import Environment
from environments.resolving import inheritance
from projects import access
from projects.access import Actor, Permission
from projects.errors import Invalid, NotFound
from projects.models import Organization


def base(by: Actor, ident: Any) -> Environment | None:
    """The environment with this id or name; none for nothing, Invalid where there is none that the actor sees."""
    if ident in (None, ""):
        return None
    try:
        return lookup.find(by, str(ident))
    except NotFound:
        raise Invalid.field("based_on", f"There is no environment {ident} here.") from None


def check(environment: Environment | None, base: Environment | None, *, by: Actor) -> None:
    """Invalid for what would inherit from itself, NotAllowed for who may not use what would be inherited.

    Whoever works in an environment can read what its processes are given: so nobody bases one on an environment whose
    values they may not set, and nothing is given so to heirs in which they may not.
    """
    Organization.objects.select_for_update(no_key=True).get(pk=by.organization.pk)  # two halves of one circle
    if environment is not None and base is not None:
        if environment.pk == base.pk:
            raise Invalid.field("based_on", "An environment cannot be based on itself.")
        if ring := inheritance.circle(environment, base):
            named = " -> ".join(inheritance.title(one, by=by) for one in (environment, *ring))
            raise Invalid.field("based_on", f"They would be based on each other in a circle: {named}.")
    for one in ([base] if base else []) + (inheritance.heirs(environment) if environment else []):
        access.require(
            by,
            Permission.CONFIGURE,
            project_id=one.project_id,
            environment_id=one.pk,
            protected=one.protected,
        )
