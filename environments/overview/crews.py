"""The pages of a team and an agent, and what they work with, as REST tells it, too."""

import uuid
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.db.models import Q

from environments import seen
from environments.models import AgentEnvironment, Entry, EntryKind, Environment, TeamEnvironment
from environments.overview import activity
from environments.runs import lookup
from projects import access, agents, assigned, history, scopes, teams
from projects.access import Actor, Permission
from projects.models import Agent, Project, Team

PLACES: dict[type[Team] | type[Agent], Any] = {Team: TeamEnvironment, Agent: AgentEnvironment}
MOST = 200
MOST_RUNS = 10


def working(things: Sequence[Team | Agent], *, by: Actor) -> dict[uuid.UUID, dict[str, Any]]:
    """`{projects, environments, env_vars, integrations}` as far as the actor sees them, by id; three statements,
    however many. `env_vars` are those set by hand."""
    found: dict[uuid.UUID, dict[str, Any]] = defaultdict(
        lambda: {"projects": [], "environments": [], "env_vars": {}, "integrations": []}
    )
    if not things:
        return found
    kind, ids = type(things[0]), [thing.pk for thing in things]
    links, column = assigned.LINKS[kind]
    mine = {f"{column}__in": ids}
    projects = links.objects.filter(scopes.within(by, project="project"), **mine).select_related("project")
    for link in projects.order_by("project__key"):
        found[getattr(link, f"{column}_id")]["projects"].append(link.project)
    shown = seen.environments(by)
    for link in PLACES[kind].objects.filter(environment__in=shown, **mine).select_related("environment").order_by("pk"):
        found[getattr(link, f"{column}_id")]["environments"].append(link.environment)
    values = Entry.objects.filter(kind=EntryKind.VARIABLE, environment=None, deleted_at=None, **mine)
    for entry in values.select_related("current", "integration").order_by("key"):
        assert entry.current is not None
        work = found[getattr(entry, f"{column}_id")]
        if entry.integration is None:
            work["env_vars"][entry.key] = entry.current.value
        elif entry.integration not in work["integrations"]:
            work["integrations"].append(entry.integration)
    return found


def team_page(team: Team, actor: Actor, *, chosen: Environment | None = None) -> dict[str, Any]:
    """Its agents, what it works with and for, and what happened."""
    every = list(agents.visible(actor).filter(team=team).order_by("name", "id")[: MOST + 1])
    may_manage = assigned.may_manage(team, by=actor)
    free = agents.visible(actor).filter(team=None).order_by("name").values_list("name", flat=True)
    return {
        "team": team,
        "agents": every[:MOST],
        "more": len(every) > MOST,
        "free": list(free[:50]) if may_manage else [],
        "may_manage": may_manage,
        **_common(team, actor, chosen),
    }


def agent_page(agent: Agent, actor: Actor, *, chosen: Environment | None = None) -> dict[str, Any]:
    """What it is, what it works with and for, and what happened."""
    team = teams.visible(actor).filter(pk=agent.team_id).first() if agent.team_id else None
    runs = lookup.visible(actor).filter(agent=agent)
    if chosen is not None:
        runs = runs.filter(environment=chosen)
    return {
        "agent": agent,
        "team": team,
        "may_manage": assigned.may_manage(agent, by=actor),
        "may_run": bool(agent.command.strip()) and access.allows_somewhere(actor, Permission.DEPLOY),
        "runs": list(runs[:MOST_RUNS]),
        **_common(agent, actor, chosen),
    }


def of_project(project: Project, actor: Actor) -> dict[str, Any]:
    """The teams and agents that work for it, and to those who assign them the names of the others."""
    may = access.allows(actor, Permission.MANAGE_PROJECTS, project_id=project.id) and project.archived_at is None
    shown: dict[str, Any] = {}
    for word, room in (("teams", teams), ("agents", agents)):
        rows = room.visible(actor).order_by("name", "id")
        others = rows.exclude(projects=project).values_list("name", flat=True)[:50] if may else []
        shown[word] = {"rows": list(rows.filter(projects=project)[:MOST]), "others": list(others)}
    return {"crews": shown, "may_assign": may}


def _common(thing: Team | Agent, actor: Actor, chosen: Environment | None) -> dict[str, Any]:
    """Of what happened in no environment, or in the chosen one."""
    noun = "team" if isinstance(thing, Team) else "agent"
    about = Q(subjects__contains=[f"{noun}:{thing.pk}"])
    if chosen is not None:
        about &= Q(environment_id=None) | Q(environment_id=chosen.id)
    work = working([thing], by=actor)[thing.pk]
    return {"work": work, "activity": activity.lines(history.visible(actor).filter(about)), "chosen": chosen}
