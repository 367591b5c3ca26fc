"""Teams and agents work for the projects they are assigned to, and are seen by whoever sees one of these.

What is assigned to none is the whole organization's.
"""

import uuid
from typing import Any

from django.db.models import Exists, OuterRef, Q

from projects import access, scopes
from projects.access import Actor, Permission
from projects.errors import NotAllowed, NotFound
from projects.models import Agent, Team, Visibility

# The rows that assign, and which column of them names what is assigned.
LINKS: dict[type[Team] | type[Agent], tuple[Any, str]] = {
    Team: (Team.projects.through, "team"),
    Agent: (Agent.projects.through, "agent"),
}


def seen(actor: Actor, model: type[Team] | type[Agent], *, row: str = "pk") -> Q:
    """The teams or agents that an actor sees; `row` is the field that names one, which may be empty."""
    if actor.visible_projects.everything:
        return Q()
    links, column = LINKS[model]
    of_it = links.objects.filter(**{column: OuterRef(row)})
    return Q(Exists(of_it.filter(scopes.within(actor, project="project")))) | ~Q(Exists(of_it))


def project_of_events(thing: Team | Agent) -> uuid.UUID | None:
    """The project by which the log knows who may read of it: one that everybody sees, where it has such a one."""
    projects = thing.projects.order_by("visibility", "created_at").values_list("pk", flat=True)
    # `org` comes before `private`.
    return projects.first()


def hidden(thing: Team | Agent) -> bool:
    """Whether it works for private projects alone."""
    found = set(thing.projects.values_list("visibility", flat=True))
    return found == {Visibility.PRIVATE}


def require_manage(thing: Team | Agent, *, by: Actor) -> None:
    """For those who manage projects everywhere, or each project that it works for."""
    access.require_own(by, thing.organization_id)
    if access.allows(by, Permission.MANAGE_PROJECTS):
        return
    mine = list(thing.projects.values_list("pk", flat=True))
    if not mine or not all(access.allows(by, Permission.MANAGE_PROJECTS, project_id=one) for one in mine):
        access.require(by, Permission.MANAGE_PROJECTS)


def may_manage(thing: Team | Agent, *, by: Actor) -> bool:
    try:
        require_manage(thing, by=by)
    except (NotAllowed, NotFound):
        return False
    return True
