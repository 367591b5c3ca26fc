"""What configuration can be looked at for: the projects, apps, teams and agents to choose from, the base of a place."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet

from environments import seen
from environments.models import Environment
from environments.overview.lists.listing import Filter, Option
from projects import agents, apps, lifecycle, teams
from projects.access import Actor

MOST = 200


def base(actor: Actor, environment: Environment) -> Environment | None:
    """The one that it is based on, if the actor sees it."""
    if environment.based_on_id is None:
        return None
    return seen.environments(actor, terminating=True).filter(pk=environment.based_on_id).first()


def holder(actor: Actor, name: str, ident: str) -> Any:
    """The project (by key or id), app, team or agent; NotFound where there is none that the actor sees."""
    if name == "project":
        return lifecycle.find(actor, ident)
    if name == "app":
        return apps.find(actor, ident)
    return teams.find(actor, ident) if name == "team" else agents.find(actor, ident)


def known(actor: Actor) -> dict[str, list[tuple[Any, str]]]:
    """Id and name of the first of each kind of holder."""
    projects = lifecycle.visible(actor).order_by("key").values_list("pk", "key", "name")[:MOST]
    return {
        "project": [(pk, f"{name} ({key})") for pk, key, name in projects],
        "app": _apps(actor, {}),
        "team": _members(teams.visible(actor)),
        "agent": _members(agents.visible(actor)),
    }


def filters(actor: Actor, chosen: Mapping[str, Any]) -> list[Filter]:
    """A choice for each kind of holder of which there is one; of very many the first, and the chosen one."""
    made = [
        _filter("project", "Project", "Every project", _projects(actor, chosen), chosen),
        _filter("app", "App", "No app", _apps(actor, chosen), chosen),
        _filter("team", "Team", "No team", _members(teams.visible(actor)), chosen),
        _filter("agent", "Agent", "No agent", _members(agents.visible(actor)), chosen),
    ]
    return [one for one in made if len(one.options) > 1]


def _filter(name: str, label: str, every: str, known: list[tuple[str, str]], chosen: Mapping[str, Any]) -> Filter:
    one = chosen.get(name)
    value = "" if one is None else one.key if name == "project" else str(one.pk)
    if name == "project" and "app" in chosen:
        value = chosen["app"].project.key
    if value and value not in {each for each, _ in known}:
        known = [*known, (value, value if one is None else one.name)]
    return Filter(name, label, [Option("", every), *(Option(*each) for each in known)], value)


def _projects(actor: Actor, chosen: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = lifecycle.visible(actor).order_by("key").values_list("key", "name")[:MOST]
    return [(key, f"{name} ({key})") for key, name in rows]


def _apps(actor: Actor, chosen: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Those of the chosen project, or all of them."""
    rows = apps.visible(actor).filter(archived_at=None)
    project = chosen.get("project") or (chosen["app"].project if "app" in chosen else None)
    if project is not None:
        rows = rows.filter(project=project)
    told = rows.order_by("name", "id").values_list("pk", "name", "project__key")[:MOST]
    return [(str(pk), name if project else f"{name} ({key})") for pk, name, key in told]


def _members(rows: QuerySet[Any]) -> list[tuple[str, str]]:
    return [(str(pk), name) for pk, name in rows.order_by("name", "id").values_list("pk", "name")[:MOST]]
