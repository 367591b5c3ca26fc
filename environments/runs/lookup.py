"""Which runs an actor sees, and finding one of them."""

import uuid

from django.db.models import QuerySet

from environments.models import Run
from projects import scopes
from projects.access import Actor
from projects.errors import NotFound


def visible(actor: Actor) -> QuerySet[Run]:
    """Newest first; a run is seen by whoever sees both its environment and its project."""
    found = Run.objects.filter(organization=actor.organization)
    for project in ("project", "environment__project"):
        both = (project, "environment")
        found = found.filter(scopes.rows(actor, project=project, environment="environment", lacking=both))
    return found.select_related("environment", "app", "deployment__release", "workflow", "agent").order_by(
        "-created_at", "-id"
    )


def find(actor: Actor, ident: str | uuid.UUID) -> Run:
    """The run with all that its page tells of it; NotFound where there is none that the actor sees."""
    whole = visible(actor).select_related("project", "deployment__previous_release", "worker", "artifact")
    try:
        return whole.get(pk=uuid.UUID(str(ident)))
    except (ValueError, Run.DoesNotExist):
        raise NotFound("There is no such run, or you may not see it.") from None
