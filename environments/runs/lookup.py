"""Which runs an actor sees, and finding one of them."""

import uuid

from django.db.models import Q, QuerySet

from environments.models import Run
from projects.access import Actor
from projects.errors import NotFound


def visible(actor: Actor) -> QuerySet[Run]:
    """Newest first; a run is seen by whoever sees both its environment and its project."""
    found = Run.objects.filter(organization=actor.organization)
    if (environments := actor.visible_environments) is not None:
        found = found.filter(Q(environment=None) | Q(environment__in=environments))
    if (projects := actor.visible_projects) is not None:
        found = found.filter(Q(project=None) | Q(project__in=projects)).filter(
            Q(environment=None) | Q(environment__project=None) | Q(environment__project__in=projects)
        )
    return found.select_related("environment", "app", "deployment__release").order_by("-created_at", "-id")


def find(actor: Actor, ident: str | uuid.UUID) -> Run:
    try:
        return visible(actor).get(pk=uuid.UUID(str(ident)))
    except (ValueError, Run.DoesNotExist):
        raise NotFound("There is no such run, or you may not see it.") from None
