"""Every project that somebody sees, and how many things it has."""

from typing import Any

from django.urls import reverse
from django.utils.html import format_html

from environments import drawing
from environments.overview.lists import listing
from environments.overview.lists.listing import Asked, Column, Listing
from projects import lifecycle, names, tallies
from projects.access import Actor, who
from projects.models import Visibility

FILTERS = ("q", "status", "visibility")
STATES = (("active", "In use"), ("archived", "Archived"))
SEEN_BY = ((Visibility.ORG.value, "Organization"), (Visibility.PRIVATE.value, "Private"))
COLUMNS = [
    Column("Name", wide=False),
    Column("Key", wide=False),
    Column("Apps", number=True),
    Column("Teams", number=True),
    Column("Agents", number=True),
    Column("Workflows", number=True),
    Column("Created"),
]


def listed(actor: Actor, asked: Asked) -> Listing:
    """Those in use, unless the archived ones are asked for."""
    status = asked.one_of("status", (value for value, _ in STATES))
    rows = lifecycle.visible(actor).filter(archived_at__isnull=status != "archived")
    if visibility := asked.one_of("visibility", Visibility.values):
        rows = rows.filter(visibility=visibility)
    words = asked.value("q")
    any_of = [names.holding(field, words) for field in ("name", "key", "description")] if words else []
    found, ends = listing.page(tallies.with_counts(rows), asked, any_of=any_of)
    return Listing(
        columns=COLUMNS,
        rows=[_row(project, asked) for project in found],
        subjects="projects apps teams agents workflows project:*",
        filters=[
            listing.Filter("status", "Status", [listing.Option(*one) for one in STATES], status or "active"),
            listing.choice(asked, "visibility", "Who sees it", SEEN_BY, every="Private or not"),
        ],
        search="Name, key",
        empty="There is no project yet. A project groups the apps, teams, agents and workflows of one purpose.",
        **ends,
    )


def _row(project: Any, asked: Asked) -> list[Any]:
    private = project.visibility == Visibility.PRIVATE
    key = format_html('<span class="tag">{}</span>', project.key)
    lock = format_html('{}<span class="muted">Private</span>', drawing.icon("lock")) if private else ""
    return [
        listing.link(asked.to(reverse("project", args=[project.pk])), project.name, css="long"),
        listing.joined([key, format_html('<span class="row tight">{}</span>', lock) if lock else ""]),
        project.app_count,
        project.team_count,
        project.agent_count,
        project.workflow_count,
        listing.joined([drawing.ago(project.created_at), "·", who(project.created_by)]),
    ]
