"""Every workflow, and how it went the last time."""

from typing import Any

from django.db.models import OuterRef, Subquery
from django.urls import reverse
from django.utils.html import format_html

from environments import drawing, statuses
from environments.overview.lists import listing
from environments.overview.lists.listing import Asked, Column, Listing
from environments.runs import lookup
from projects import access, names, workflows
from projects.access import Actor, Permission

FILTERS = ("q", "project", "archived")
COLUMNS = [
    Column("Workflow", wide=False),
    Column("Last run", wide=False),
    Column("Project", wide=False),
    Column("Steps", number=True),
    Column("Run", wide=False),
]


def listed(actor: Actor, asked: Asked) -> Listing:
    archived = asked.one_of("archived", ("yes",)) == "yes"
    last = lookup.visible(actor).filter(workflow=OuterRef("pk"))
    if asked.environment:
        last = last.filter(environment=asked.environment)
    last = last.order_by("-created_at", "-id")
    rows = workflows.visible(actor, archived=archived).annotate(
        last_id=Subquery(last.values("pk")[:1]),
        last_phase=Subquery(last.values("phase")[:1]),
        last_at=Subquery(last.values("created_at")[:1]),
    )
    if project := asked.project(actor):
        rows = rows.filter(project=project)
    if words := asked.value("q"):
        rows = rows.filter(names.holding("name", words))
    found, ends = listing.page(rows, asked)
    may_manage = access.allows(actor, Permission.MANAGE_PROJECTS)
    return Listing(
        columns=COLUMNS,
        rows=[_row(workflow, asked) for workflow in found],
        subjects="workflow:* workflows",
        filters=[
            listing.choice(asked, "archived", "Which", (("yes", "Archived"),), every="In use"),
            listing.projects(asked, actor),
        ],
        search="Name",
        empty="There is no workflow yet. A workflow is a list of shell steps that a worker runs in an environment.",
        actions=[("New workflow", "workflow-new")] if may_manage else [],
        **ends,
    )


def _row(workflow: Any, asked: Asked) -> list[Any]:
    drawn: Any = "Never run"
    if workflow.last_id:
        status = drawing.drawn(statuses.phase_of(workflow.last_phase), "")
        drawn = format_html('<a href="{}">{}</a>', asked.to(reverse("run", args=[workflow.last_id])), status)
    return [
        listing.link(asked.to(reverse("workflow", args=[workflow.pk])), workflow.name),
        drawn,
        listing.link(asked.to(reverse("project", args=[workflow.project_id])), workflow.project.key),
        len(workflow.steps),
        drawing.ago(workflow.last_at) if workflow.last_at else "",
    ]
