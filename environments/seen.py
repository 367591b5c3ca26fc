"""Which environments an actor sees: what every page, answer and room that lists or looks for them begins with."""

from django.db.models import QuerySet

from environments.models import WORDS, Environment
from projects import names, scopes
from projects.access import Actor


def environments(actor: Actor, *, terminating: bool = False) -> QuerySet[Environment]:
    """With `terminating` also those that were deleted and still have something to give back."""
    found = Environment.objects.filter(organization=actor.organization, terminated_at__isnull=True)
    if not terminating:
        found = found.filter(deleted_at__isnull=True)
    return found.filter(scopes.rows(actor, project="project", environment="pk", lacking=("project",)))


def matching(found: QuerySet[Environment], typed: str) -> QuerySet[Environment]:
    """Those of whose names, description, maker or tags one holds what was typed; one or two letters: begins so."""
    return found.alias(words=WORDS).filter(words__contains=names.line_holding(typed))


def clause(actor: Actor, *, row: str) -> str:
    """The same for a written statement in which `row` is an environment of the organization; with `scopes.values`."""
    project = f"{row}.project_id"
    within = scopes.clause(actor, project=project, environment=f"{row}.id", lacking=(project,))
    return f"({row}.deleted_at IS NULL AND {row}.terminated_at IS NULL AND {within})"
