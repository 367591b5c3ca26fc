"""Which environments an actor sees, and finding one of them."""

import uuid

from django.db.models import QuerySet

from environments import seen
from environments.models import Environment
from projects import names
from projects.access import Actor
from projects.errors import NotFound


def visible(actor: Actor, *, terminating: bool = False) -> QuerySet[Environment]:
    """Oldest first; with `terminating` also those that were deleted and still have something to give back."""
    found = seen.environments(actor, terminating=terminating)
    return found.select_related("host", "project").order_by("created_at", "id")


def check_own(environment: Environment, *, by: Actor) -> None:
    """Rights are about the actor's own organization: another one's environment is not there for them."""
    if environment.organization_id != by.organization.id:
        raise NotFound("There is no such environment.")


def find(actor: Actor, ident: str | uuid.UUID, *, terminating: bool = False) -> Environment:
    """The environment with this id or name, whatever the case; NotFound where there is none the actor sees."""
    rows = visible(actor, terminating=terminating)
    text = str(ident)
    try:
        found = rows.filter(pk=uuid.UUID(text)).first()
    except ValueError:
        found = None
    # A name may be in use again while its former bearer is still being terminated.
    if found is None:
        found = rows.filter(names.same("name", text), deleted_at__isnull=True).first()
    if found is None:
        raise NotFound("There is no such environment.")
    return found
