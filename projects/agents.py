"""Agents: what works by itself in an environment, alone or in a team."""

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

CHANGEABLE = (
    "name", "description", "model_id", "runtime", "runner_name", "capabilities", "configuration", "llm_config",
    "system_prompt", "command", "mcp_servers", "required_secrets",
)  # fmt: skip
LONGEST = {"description": 20_000, "model_id": 200, "runtime": 100, "runner_name": 100, "system_prompt": 65_536,
           "command": 65_536}  # fmt: skip


class NameTaken(Conflict):
    code = "name-taken"


@events.operation
def create(*, by: Actor, name: str, team: Team | None = None, projects: Iterable[Project] = (), **fields: Any) -> Agent:
    """A new agent that works for `projects`, in a team or none; its name is unique regardless of case."""
    columns = _checked({"name": name, **fields})
    if team is not None:
        assigned.require_manage(team, by=by)
        assignments.present(team)
    try:
        with transaction.atomic():
            agent = Agent.objects.create(organization=by.organization, created_by=by.label, team=team, **columns)
    except IntegrityError:
        raise _taken() from None
    subjects = [f"team:{team.id}"] if team else []
    assignments.begin(agent, projects, by=by, subjects=subjects)
    return agent


def version(agent: Agent) -> str:
    """Another one as soon as anybody changes what the settings page shows."""
    return versions.of(agent, CHANGEABLE)


@events.operation
def update(agent: Agent, *, by: Actor, seen: str | None = None, **fields: Any) -> Agent:
    """Change what is CHANGEABLE. With `seen`, nothing newer is overwritten. Its team is changed by `teams`."""
    assigned.require_manage(agent, by=by)
    columns = _checked(fields)
    agent = locked(agent)
    versions.check(seen, version(agent), called=agent.name)
    try:
        assignments.change(agent, columns, by=by)
    except IntegrityError:
        raise _taken() from None
    return agent


@events.operation
def delete(agent: Agent, *, by: Actor) -> None:
    """It is gone and its name is free; its runs and what the log tells of it stay."""
    assigned.require_manage(agent, by=by)
    agent = locked(agent)
    subjects = [f"team:{agent.team_id}"] if agent.team_id else []
    assignments.record("deleted", agent, by=by, subjects=subjects)
    agent.archived_at, agent.team = timezone.now(), None
    agent.save(update_fields=["archived_at", "team", "updated_at"])


def visible(actor: Actor) -> QuerySet[Agent]:
    """The agents an actor may see, oldest first."""
    found = Agent.objects.filter(assigned.seen(actor, Agent), organization=actor.organization, archived_at=None)
    return found.select_related("team").order_by("created_at", "id")


def find(actor: Actor, ident: str | uuid.UUID) -> Agent:
    """The agent with this id or name."""
    text = str(ident)
    try:
        found = visible(actor).filter(pk=uuid.UUID(text)).first()
    except ValueError:
        found = visible(actor).filter(names.same("name", text)).first()
    if found is None:
        raise NotFound("There is no such agent.")
    return found


def locked(agent: Agent) -> Agent:
    """The agent as it is now, held until the operation ends."""
    rows = Agent.objects.select_for_update(no_key=True, of=("self",)).select_related("team")
    found = rows.filter(pk=agent.pk, archived_at=None).first()
    if found is None:
        raise NotFound("There is no such agent any more.")
    return found


def _checked(given: dict[str, Any]) -> dict[str, Any]:
    if unknown := set(given) - set(CHANGEABLE):
        raise Invalid.field(sorted(unknown)[0], "cannot be changed")
    columns = dict(given)
    if "name" in given:
        columns["name"] = checks.name(given["name"])
    for name, longest in LONGEST.items():
        if name in given:
            columns[name] = checks.text(name, given[name], longest=longest)
    for name in ("configuration", "llm_config", "mcp_servers"):
        if name in given:
            columns[name] = checks.json_object(name, given[name])
    if "capabilities" in given:
        columns["capabilities"] = checks.words("capabilities", given["capabilities"])
    if "required_secrets" in given:
        columns["required_secrets"] = checks.keys("secrets", given["required_secrets"])
    return columns


def _taken() -> NameTaken:
    return NameTaken.about("name", "This name is taken; choose another.")
