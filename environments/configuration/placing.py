"""From what somebody names to the scope they mean: only what they see can be meant."""

import uuid

from environments import seen
from environments.models import Environment
from environments.resolving.scopes import Scope
from projects import agents, apps, names, teams
from projects import lifecycle as projects
from projects.access import Actor
from projects.errors import NotFound


def scope(
    by: Actor,
    *,
    project_id: uuid.UUID | None = None,
    app_id: uuid.UUID | None = None,
    team_id: uuid.UUID | None = None,
    agent_id: uuid.UUID | None = None,
    environment_id: uuid.UUID | None = None,
) -> Scope:
    """Invalid for two of project, app, team and agent, NotFound for what the actor does not see."""
    return Scope(
        project=projects.find(by, project_id) if project_id else None,
        app=apps.find(by, app_id) if app_id else None,
        team=teams.find(by, team_id) if team_id else None,
        agent=agents.find(by, agent_id) if agent_id else None,
        environment=environment(by, environment_id) if environment_id else None,
    )


def environment(by: Actor, ident: str | uuid.UUID) -> Environment:
    """By its id or name."""
    rows, text = seen.environments(by).select_related("project"), str(ident)
    try:
        found = rows.filter(pk=uuid.UUID(text)).first()
    except ValueError:
        found = rows.filter(names.same("name", text)).first()
    if found is None:
        raise NotFound("There is no such environment.")
    return found
