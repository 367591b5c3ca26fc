"""Every team that somebody sees: who is in it, and for what it works."""

from typing import Any

from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.html import format_html

from environments import drawing
from environments.overview import crews
from environments.overview.lists import listing
from environments.overview.lists.listing import Asked, Column, Listing
from projects import access, agents, names, teams
from projects.access import Actor, Permission

FILTERS = ("q", "project")
COLUMNS = [
    Column("Team", wide=False),
    Column("Agents", wide=False),
    Column("Projects", wide=False),
    Column("Environments"),
    Column("Created"),
]


def listed(actor: Actor, asked: Asked) -> Listing:
    members = agents.visible(actor).filter(team=OuterRef("pk")).order_by().values("team")
    counted = Coalesce(Subquery(members.annotate(n=Count("pk")).values("n")), 0)
    rows = teams.visible(actor).annotate(agent_count=counted)
    if asked.environment:
        rows = rows.filter(places__environment=asked.environment)
    if project := asked.project(actor):
        rows = rows.filter(projects=project)
    if words := asked.value("q"):
        rows = rows.filter(names.holding("name", words))
    found, ends = listing.page(rows, asked)
    work = crews.working(found, by=actor)
    return Listing(
        columns=COLUMNS,
        rows=[_row(team, work[team.pk], asked) for team in found],
        subjects="teams agents team:* agent:*",
        filters=[listing.projects(asked, actor)],
        search="Name",
        empty="There is no team yet. A team is agents that share configuration and work for the same projects.",
        actions=[("New team", "team-new")] if access.allows(actor, Permission.MANAGE_PROJECTS) else [],
        **ends,
    )


def _row(team: Any, work: dict[str, Any], asked: Asked) -> list[Any]:
    return [
        listing.link(asked.to(reverse("team", args=[team.pk])), team.name, css="long"),
        team.agent_count,
        projects(work["projects"], asked),
        environments(work["environments"]),
        listing.joined([drawing.ago(team.created_at), "·", access.who(team.created_by)]),
    ]


def projects(found: list[Any], asked: Asked) -> Any:
    """As tags that lead to them; what works for none is everybody's."""
    if not found:
        return "Whole organization"
    return listing.joined(
        format_html('<a class="tag" href="{}">{}</a>', asked.to(reverse("project", args=[one.pk])), one.key)
        for one in found
    )


def environments(found: list[Any]) -> Any:
    return ", ".join(one.title for one in found)
