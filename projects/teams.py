"""Teams: agents that share configuration, and work for the same projects."""

import uuid
from collections.abc import Iterable
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from projects import assigned, assignments, checks, events, names, versions
from projects.access import Actor
from projects.errors import Conflict, Invalid, NotFound
from projects.models import Agent, Project, Team

# What can be changed of a team, which is also what its settings page shows.
CHANGEABLE = ("name", "description", "configuration", "mcp_servers", "required_secrets")


class NameTaken(Conflict):
    code = "name-taken"


class OneTeam(Conflict):
    code = "one-team"


@events.operation
def create(*, by: Actor, name: str, projects: Iterable[Project] = (), **fields: Any) -> Team:
    """A new team that works for `projects`; its name is unique in the organization regardless of case."""
    columns = _checked({"name": name, **fields})
    try:
        with transaction.atomic():
            team = Team.objects.create(organization=by.organization, created_by=by.label, **columns)
    except IntegrityError:
        raise _taken() from None
    assignments.begin(team, projects, by=by)
    return team


def version(team: Team) -> str:
    """Another one as soon as anybody changes what the settings page shows."""
    return versions.of(team, CHANGEABLE)


@events.operation
def update(team: Team, *, by: Actor, seen: str | None = None, **fields: Any) -> Team:
    """Change what is CHANGEABLE. With `seen`, nothing newer is overwritten."""
    assigned.require_manage(team, by=by)
    columns = _checked(fields)
    team = locked(team)
    versions.check(seen, version(team), called=team.name)
    try:
        assignments.change(team, columns, by=by)
    except IntegrityError:
        raise _taken() from None
    return team


@events.operation
def delete(team: Team, *, by: Actor) -> None:
    """It is gone, its name is free, and its agents have no team; what the log tells of it stays."""
    assigned.require_manage(team, by=by)
    team = locked(team)
    for agent in Agent.objects.select_for_update(no_key=True, of=("self",)).filter(team=team).order_by("id"):
        _leave(agent, team, by=by)
    assignments.record("deleted", team, by=by)
    team.archived_at = timezone.now()
    team.save(update_fields=["archived_at", "updated_at"])


@events.operation
def add(team: Team, agent: Agent, *, by: Actor) -> Agent:
    """The agent is one of the team; OneTeam where it has a team already, this one or another."""
    assigned.require_manage(team, by=by)
    assigned.require_manage(agent, by=by)
    assignments.present(team)
    agent = _member(agent)
    if agent.team_id is not None:
        which = f"{team.name} already" if agent.team_id == team.id else "a team already; take it out of that one first"
        raise OneTeam(f"{agent.name} is in {which}.")
    agent.team = team
    agent.save(update_fields=["team", "updated_at"])
    told = {"team": team.name, "subjects": [f"team:{team.id}"]}
    assignments.record("joined_team", agent, by=by, **told)
    return agent


@events.operation
def take_out(team: Team, agent: Agent, *, by: Actor) -> Agent:
    """The agent has no team any more; NotFound where it was not in this one."""
    assigned.require_manage(team, by=by)
    assigned.require_manage(agent, by=by)
    assignments.present(team)
    agent = _member(agent)
    if agent.team_id != team.id:
        raise NotFound(f"{agent.name} is not in {team.name}.")
    _leave(agent, team, by=by)
    return agent


def _leave(agent: Agent, team: Team, *, by: Actor) -> None:
    agent.team = None
    agent.save(update_fields=["team", "updated_at"])
    assignments.record("left_team", agent, by=by, team=team.name, subjects=[f"team:{team.id}"])


def _member(agent: Agent) -> Agent:
    found = Agent.objects.select_for_update(no_key=True, of=("self",)).filter(pk=agent.pk, archived_at=None).first()
    if found is None:
        raise NotFound("There is no such agent any more.")
    return found


def visible(actor: Actor) -> QuerySet[Team]:
    """The teams an actor may see, oldest first."""
    found = Team.objects.filter(assigned.seen(actor, Team), organization=actor.organization, archived_at=None)
    return found.order_by("created_at", "id")


def find(actor: Actor, ident: str | uuid.UUID) -> Team:
    """The team with this id or name."""
    text = str(ident)
    try:
        found = visible(actor).filter(pk=uuid.UUID(text)).first()
    except ValueError:
        found = visible(actor).filter(names.same("name", text)).first()
    if found is None:
        raise NotFound("There is no such team.")
    return found


def locked(team: Team) -> Team:
    """The team as it is now, held until the operation ends."""
    found = Team.objects.select_for_update(no_key=True).filter(pk=team.pk, archived_at=None).first()
    if found is None:
        raise NotFound("There is no such team any more.")
    return found


def _checked(given: dict[str, Any]) -> dict[str, Any]:
    if unknown := set(given) - set(CHANGEABLE):
        raise Invalid.field(sorted(unknown)[0], "cannot be changed")
    columns = dict(given)
    if "name" in given:
        columns["name"] = checks.name(given["name"])
    if "description" in given:
        columns["description"] = checks.text("description", given["description"])
    for name in ("configuration", "mcp_servers"):
        if name in given:
            columns[name] = checks.json_object(name, given[name])
    if "required_secrets" in given:
        columns["required_secrets"] = checks.keys("secrets", given["required_secrets"])
    return columns


def _taken() -> NameTaken:
    return NameTaken.about("name", "This name is taken; choose another.")
