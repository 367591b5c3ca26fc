"""The scope that a page of configuration is about, as its address names it, and the choice of another."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from environments import seen
from environments.configuration import placing
from environments.resolving.scopes import HOLDERS, Scope
from projects import agents, apps, teams
from projects import lifecycle as projects
from projects.access import Actor
from projects.errors import NotFound

MOST = 200
# What is chosen for an app or project there.
COMPARED = ("project", "app")


@dataclass(frozen=True)
class Option:
    value: str
    word: str
    chosen: bool


def scope(by: Actor, given: Mapping[str, Any]) -> Scope:
    """`holder` is `app:<id>` and the like or nothing, `place` an environment's id or name or nothing."""
    place = str(given.get("place", ""))
    held = holder(by, given)
    environment = placing.environment(by, place) if place else None
    return Scope(project=held.project, app=held.app, team=held.team, agent=held.agent, environment=environment)


def holder(by: Actor, given: Mapping[str, Any]) -> Scope:
    """For whom alone; NotFound for what the actor does not see."""
    noun, _, ident = str(given.get("holder", "")).partition(":")
    if not noun:
        return Scope()
    if noun not in HOLDERS or not _is_id(ident):
        raise NotFound("There is no such scope.")
    return placing.scope(by, **{f"{noun}_id": uuid.UUID(ident)})


def named(scope: Scope) -> dict[str, str]:
    """The scope as the address names it."""
    held = next((f"{noun}:{getattr(scope, noun).pk}" for noun in HOLDERS if getattr(scope, noun)), "")
    return {"holder": held, "place": str(scope.environment.pk) if scope.environment else ""}


def holders(by: Actor, chosen: Scope, *, nouns: tuple[str, ...] = HOLDERS) -> list[tuple[str, list[Option]]]:
    """Groups for a select, with what is chosen in any case; one statement for each."""
    rows: dict[str, QuerySet[Any]] = {
        "project": projects.visible(by).order_by("name", "id"),
        "app": apps.visible(by).order_by("name", "id"),
        "team": teams.visible(by).order_by("name", "id"),
        "agent": agents.visible(by).order_by("name", "id"),
    }
    words = {"project": "Projects", "app": "Apps", "team": "Teams", "agent": "Agents"}
    groups = [(words[noun], _options(noun, list(rows[noun][:MOST]), getattr(chosen, noun))) for noun in nouns]
    return [group for group in groups if group[1]]


def places(by: Actor, chosen: Scope) -> list[Option]:
    rows = list(seen.environments(by).order_by("name", "id")[:MOST])
    return [Option(str(one.pk), one.title, one == chosen.environment) for one in _with(rows, chosen.environment)]


def _options(noun: str, rows: list[Any], chosen: Any) -> list[Option]:
    return [
        Option(f"{noun}:{one.pk}", f"{one.project.key}/{one.name}" if noun == "app" else one.name, one == chosen)
        for one in _with(rows, chosen)
    ]


def _with(rows: list[Any], chosen: Any) -> list[Any]:
    return rows if chosen is None or chosen in rows else [chosen, *rows]


def _is_id(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
