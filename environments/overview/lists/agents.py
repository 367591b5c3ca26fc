"""Every agent that somebody sees: its model, its team, and for what it works."""

from typing import Any

from django.urls import reverse

from environments import drawing
from environments.overview import crews
from environments.overview.lists import listing
from environments.overview.lists.listing import Asked, Column, Listing
from environments.overview.lists.teams import environments, projects
from projects import access, agents, names, teams
from projects.access import Actor, Permission

FILTERS = ("q", "project", "team")
COLUMNS = [
    Column("Agent", wide=False),
    Column("Model", wide=False),
    Column("Team", wide=False),
    Column("Projects"),
    Column("Environments"),
    Column("Created"),
]


def listed(actor: Actor, asked: Asked) -> Listing:
    rows = agents.visible(actor)
    if asked.environment:
        rows = rows.filter(places__environment=asked.environment)
    if project := asked.project(actor):
        rows = rows.filter(projects=project)
    known = dict(teams.visible(actor).order_by("name").values_list("pk", "name")[:200])
    if name := asked.value("team"):
        rows = rows.filter(team=teams.find(actor, name))
    words = asked.value("q")
    any_of = [names.holding("name", words), names.holding("model_id", words)] if words else []
    found, ends = listing.page(rows, asked, any_of=any_of)
    work = crews.working(found, by=actor)
    return Listing(
        columns=COLUMNS,
        rows=[_row(agent, work[agent.pk], known, asked) for agent in found],
        subjects="agents teams agent:* team:*",
        filters=[
            listing.projects(asked, actor),
            listing.choice(asked, "team", "Team", [(one, one) for one in known.values()], every="Every team"),
        ],
        search="Name, model",
        empty="There is no agent yet. An agent is a model with a prompt, or a command, that works in an environment.",
        actions=[("New agent", "agent-new")] if access.allows(actor, Permission.MANAGE_PROJECTS) else [],
        **ends,
    )


def _row(agent: Any, work: dict[str, Any], known: dict[Any, str], asked: Asked) -> list[Any]:
    team = known.get(agent.team_id)
    return [
        listing.link(asked.to(reverse("agent", args=[agent.pk])), agent.name, css="long"),
        agent.model_id or "None",
        listing.link(asked.to(reverse("team", args=[agent.team_id])), team) if team else "None",
        projects(work["projects"], asked),
        environments(work["environments"]),
        listing.joined([drawing.ago(agent.created_at), "·", access.who(agent.created_by)]),
    ]
