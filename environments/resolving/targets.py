"""For what configuration is asked: from an app, agent, team or project and an environment to what is resolved.

Whoever asks must see the thing and the environment together; where more than one environment or project could be
meant, one has to be named.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from environments import seen
from environments.resolving import resolution, statements
from environments.resolving.resolution import Resolution, Target
from environments.resolving.statements import Statement
from projects import rows, scopes
from projects.access import Actor
from projects.errors import Invalid, NotFound

KINDS = ("app", "agent", "team", "project", "environment")
# How many choices are named where one has to be made.
NAMED = 20


@dataclass(frozen=True, kw_only=True)
class Place:
    """The environment that is asked about: as much of it as rights and answers need."""

    id: uuid.UUID
    name: str
    title: str
    project_id: uuid.UUID | None
    protected: bool


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked about, `kind` and `id` (an environment itself, too), where, and what to resolve for it."""

    kind: str
    id: uuid.UUID
    name: str
    place: Place
    target: Target
    # What was asked in the same look as itself, and what that answered.
    ahead: tuple[Statement, str] | None = None

    def resolved(self, *, asking: Statement = statements.values) -> Resolution:
        return resolution.of(self.target, self._told(asking))

    @property
    def stamp(self) -> str:
        """Of what `resolved` would answer now, by the versions alone."""
        return self._told(statements.stamp)

    def _told(self, statement: Statement) -> str:
        if self.ahead and self.ahead[0] is statement:
            return self.ahead[1]
        return resolution.told(self.target, statement)


@dataclass(frozen=True, kw_only=True)
class _Subject:
    """`assigned` are the projects that an agent or team works for; `only` the environment its project is kept to."""

    id: uuid.UUID
    name: str
    project_id: uuid.UUID | None = None
    team_id: uuid.UUID | None = None
    assigned: tuple[uuid.UUID, ...] = ()
    only: uuid.UUID | None = None


def find(
    kind: str,
    ident: uuid.UUID,
    *,
    by: Actor,
    environment: str = "",
    project: str = "",
    ahead: Statement | None = None,
) -> Question:
    """The question, for an actor who sees what it is about; NotFound for others.

    `environment` is an id or a name, `project` an id or a key. Either may be left out where it can only be one;
    Invalid names the choices where it could be several, and where what is named contradicts the rest.
    What will be asked of it is asked `ahead`, by the same statement, where the database alone can tell for what.
    """
    if kind == "environment":
        return _of_environment(ident, by=by, environment=environment, project=project)
    given = _GIVEN.get(kind) if environment and ahead else None
    subject, place, told = _look(kind, ident, environment, ahead(given, True) if ahead and given else "NULL", by=by)
    project_id = _project(kind, subject, project, by=by)
    if place is None:
        place = _only_place(subject.only, by=by)
    return _asked(kind, subject, place, project_id, by=by, ahead=(ahead, told) if ahead and told is not None else None)


def of_environment(*, by: Actor, environment: str = "", project: str = "") -> Question:
    """The same where neither app, agent nor team is meant."""
    place = _place(environment, by=by) if environment else _only_place(None, by=by)
    return _of_environment(place.id, by=by, environment="", project=project)


def _of_environment(ident: uuid.UUID, *, by: Actor, environment: str, project: str) -> Question:
    place = _place(str(ident), by=by)
    if environment and environment.lower() not in {str(place.id), place.name.lower()}:
        raise Invalid.field("environment", "is asked about already: leave it out.")
    project_id = _named_project(project, by=by) if project else None
    return _asked("environment", _Subject(id=place.id, name=place.title), place, project_id, by=by)


def _asked(
    kind: str,
    subject: _Subject,
    place: Place,
    project_id: uuid.UUID | None,
    *,
    by: Actor,
    ahead: tuple[Statement, str] | None = None,
) -> Question:
    if not by.sees(project_id=project_id, environment_id=place.id):
        raise NotFound(f"There is no such {kind} in this environment.")
    target = Target(
        organization_id=by.organization.pk,
        environment_id=place.id,
        project_id=project_id,
        app_id=subject.id if kind == "app" else None,
        team_id=subject.id if kind == "team" else subject.team_id,
        agent_id=subject.id if kind == "agent" else None,
    )
    return Question(kind=kind, id=subject.id, name=subject.name, place=place, target=target, ahead=ahead)


def _project(kind: str, subject: _Subject, named: str, *, by: Actor) -> uuid.UUID | None:
    """Whose project's values count: its own, or one of those that it is assigned to."""
    wanted = _named_project(named, by=by) if named else None
    if kind in {"app", "project"}:
        if wanted not in {None, subject.project_id}:
            what = "the app belongs to another project" if kind == "app" else "is asked about already"
            raise Invalid.field("project", f"{what}: leave it out.")
        return subject.project_id
    choices = [one for one in subject.assigned if by.sees(project_id=one)]
    if wanted is not None:
        if subject.assigned and wanted not in choices:
            raise Invalid.field("project", f"the {kind} is not assigned to it: {_keys(choices)}.")
        return wanted
    if len(choices) > 1:
        raise Invalid.field("project", f"the {kind} works for several projects, so name one of them: {_keys(choices)}.")
    return choices[0] if choices else None


def _place(named: str, *, by: Actor) -> Place:
    found = _places(_named(named), named, by=by)
    if not found:
        raise NotFound("There is no such environment.")
    return found[0]


def _named(environment: str) -> str:
    """What an environment's row must be like, by its id or its name."""
    try:
        uuid.UUID(environment)
    except ValueError:
        return "lower(name) = lower(%(named)s)"
    return "id = %(named)s::uuid"


def _only_place(only: uuid.UUID | None, *, by: Actor) -> Place:
    """The environment that is meant where none is named, because there is no other."""
    found = _places(_named(str(only)), str(only), by=by) if only else _places("TRUE", "", by=by)
    if len(found) == 1:
        return found[0]
    if not found:
        raise Invalid.field("environment", "is required, and there is none that you see.")
    more = " and others" if len(found) > NAMED else ""
    raise Invalid.field("environment", f"is required; one of {', '.join(one.name for one in found[:NAMED])}{more}.")


def _places(condition: str, named: str, *, by: Actor) -> list[Place]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"{_statement_of_places(condition, by)} ORDER BY created_at, id LIMIT {NAMED + 1}",
            {"organization": by.organization.pk, "named": named, **scopes.values(by)},
        )
        return [_as_place(row) for row in cursor.fetchall()]


def _statement_of_places(condition: str, by: Actor) -> str:
    return (
        "SELECT id, name, display_name, project_id, protected FROM environments_environment place "
        f"WHERE organization_id = %(organization)s AND {condition} AND {seen.clause(by, row='place')}"
    )


def _as_place(row: Sequence[Any]) -> Place:
    id, name, display_name, project_id, protected = row
    return Place(id=id, name=name, title=display_name or name, project_id=project_id, protected=protected)


# What is asked about, each with the same columns; `assigned` and `of_team` is whom it and its team work for.
_COLUMNS = "subject (name, app_id, project_id, only_id, team_id, assigned, of_team)"
_NONE = "ARRAY[]::uuid[]"
# Of these the ids that are given of their target are columns of theirs. (An agent's project may have to be chosen.)
_GIVEN = {"app": ("project", "app"), "project": ("project",)}
_SUBJECTS = {
    "app": (
        f"SELECT app.name, app.id, app.project_id, project.restrict_to_environment_id, NULL::uuid, {_NONE}, {_NONE} "
        "FROM projects_app app JOIN projects_project project ON project.id = app.project_id "
        "WHERE app.id = %(ident)s AND app.organization_id = %(organization)s AND app.archived_at IS NULL"
    ),
    "project": (
        f"SELECT name, NULL::uuid, id, restrict_to_environment_id, NULL::uuid, {_NONE}, {_NONE} FROM projects_project "
        "WHERE id = %(ident)s AND organization_id = %(organization)s"
    ),
    "team": (
        "SELECT name, NULL::uuid, NULL::uuid, NULL::uuid, NULL::uuid, "
        f"ARRAY(SELECT project_id FROM projects_team_projects WHERE team_id = team.id ORDER BY id), {_NONE} "
        "FROM projects_team team WHERE id = %(ident)s AND organization_id = %(organization)s AND archived_at IS NULL"
    ),
    "agent": (
        "SELECT agent.name, NULL::uuid, NULL::uuid, NULL::uuid, team.id, "
        "ARRAY(SELECT project_id FROM projects_agent_projects WHERE agent_id = agent.id ORDER BY id), "
        "ARRAY(SELECT project_id FROM projects_team_projects WHERE team_id = team.id ORDER BY id) "
        "FROM projects_agent agent "
        "LEFT JOIN projects_team team ON team.id = agent.team_id AND team.archived_at IS NULL "
        "WHERE agent.id = %(ident)s AND agent.organization_id = %(organization)s AND agent.archived_at IS NULL"
    ),
}


def _look(
    kind: str, ident: uuid.UUID, environment: str, ahead: str, *, by: Actor
) -> tuple[_Subject, Place | None, str | None]:
    """Both, and what `ahead` tells of them, by one statement; no place where none is named."""
    place = _statement_of_places(_named(environment), by) if environment else "SELECT 1, 2, 3, 4, 5 WHERE FALSE"
    within = scopes.within_clause(by, project="project_id") if kind in _GIVEN else "TRUE"
    row = _row(
        f"WITH asked AS (SELECT * FROM (SELECT) one LEFT JOIN ({_SUBJECTS[kind]}) {_COLUMNS} ON {within} "
        f"LEFT JOIN ({place} LIMIT 1) place (environment_id, place, title, place_project, protected) ON TRUE) "
        f"SELECT asked.*, ({ahead}) FROM asked",
        {"ident": ident, "organization": by.organization.pk, "named": environment, **scopes.values(by)},
    )
    name, _, project_id, only, team_id, assigned, of_team, *found, told = row
    if name is None or not _seen(project_id, assigned or of_team, by):
        raise NotFound(f"There is no such {kind}.")
    if environment and found[0] is None:
        raise NotFound("There is no such environment.")
    subject = _Subject(
        id=ident, name=name, project_id=project_id, team_id=team_id, assigned=tuple(assigned or of_team), only=only
    )
    return subject, _as_place(found) if environment else None, told


def _seen(project_id: uuid.UUID | None, assigned: list[uuid.UUID], by: Actor) -> bool:
    """By its project; a team or agent by one of those it works for. What works for none is the organization's."""
    if project_id is not None:
        return by.sees(project_id=project_id)
    return not assigned or any(by.sees(project_id=one) for one in assigned)


def _named_project(named: str, *, by: Actor) -> uuid.UUID:
    try:
        condition, value = "id = %(named)s::uuid", str(uuid.UUID(named))
    except ValueError:
        condition, value = "upper(key) = upper(%(named)s)", named
    row = _row(
        f"SELECT id FROM projects_project WHERE organization_id = %(organization)s AND {condition}",
        {"organization": by.organization.pk, "named": value},
    )
    if row is None or not by.sees(project_id=row[0]):
        raise NotFound("There is no such project.")
    found: uuid.UUID = row[0]
    return found


def _keys(projects: list[uuid.UUID]) -> str:
    if not projects:
        return "there is none that you see"
    with connection.cursor() as cursor:
        cursor.execute("SELECT key FROM projects_project WHERE id = ANY(%s::uuid[]) ORDER BY key", [projects])
        return ", ".join(row[0] for row in cursor.fetchall())


def _row(statement: str, values: dict[str, Any]) -> Any:
    with rows.planned() as database, database.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone()
