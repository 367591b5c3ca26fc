"""How many things a project has, in the statement that reads it."""

from typing import Any

from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from projects.models import Agent, App, Project, Team, Workflow


def with_counts(found: QuerySet[Project]) -> QuerySet[Any]:
    """Each with `app_count`, `team_count`, `agent_count` and `workflow_count`, of what is in use."""
    return found.annotate(
        app_count=_many(App.objects.filter(project=OuterRef("pk")), by="project"),
        team_count=_many(Team.objects.filter(projects=OuterRef("pk")), by="projects"),
        agent_count=_many(Agent.objects.filter(projects=OuterRef("pk")), by="projects"),
        workflow_count=_many(Workflow.objects.filter(project=OuterRef("pk")), by="project"),
    )


def _many(things: QuerySet[Any], *, by: str) -> Coalesce:
    counted = things.filter(archived_at=None).order_by().values(by).annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)
