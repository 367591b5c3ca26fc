"""Assigning teams and agents to projects, and what is told of teams and agents."""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import IntegrityError, transaction

from projects import access, assigned, events, retired
from projects.access import Actor, Permission
from projects.errors import Conflict, NotFound
from projects.models import Agent, Project, Team


class AlreadyAssigned(Conflict):
    code = "already-assigned"


@events.operation
def begin(thing: Team | Agent, projects: Iterable[Project], *, by: Actor, **data: Any) -> None:
    """It was made just now, to work for these: the log tells of it only to those who see one of them."""
    projects = list(projects)
    if not projects:
        access.require(by, Permission.MANAGE_PROJECTS)
    for project in projects:
        _link(thing, project, by=by)
    record("created", thing, by=by, **data)
    for project in projects:
        _record("assigned", thing, project, by=by)


@events.operation
def change(thing: Team | Agent, columns: Mapping[str, Any], *, by: Actor) -> None:
    """Save and tell of those of the columns that are not as they were; IntegrityError where a name is taken."""
    changed = sorted(name for name, value in columns.items() if getattr(thing, name) != value)
    if not changed:
        return
    for name in changed:
        setattr(thing, name, columns[name])
    with transaction.atomic():
        thing.save(update_fields=[*changed, "updated_at"])
    record("updated", thing, by=by, changed=changed)


@events.operation
def assign(thing: Team | Agent, project: Project, *, by: Actor) -> None:
    """From now on it works for the project, too, and is seen by whoever sees that."""
    present(thing)
    _link(thing, project, by=by)
    _record("assigned", thing, project, by=by)


def _link(thing: Team | Agent, project: Project, *, by: Actor) -> None:
    _check(project, by=by)
    # A deletion locks the row too and then looks for what is assigned.
    held = Project.objects.select_for_update(no_key=True).filter(pk=project.pk).first()
    if held is None:
        raise NotFound("There is no such project any more.")
    retired.check_project(held)
    links, column = assigned.LINKS[type(thing)]
    try:
        with transaction.atomic():
            links.objects.create(**{column: thing, "project": project})
    except IntegrityError:
        raise AlreadyAssigned(f"{thing.name} is assigned to {project.key} already.") from None


@events.operation
def take_off(thing: Team | Agent, project: Project, *, by: Actor) -> None:
    """It does not work for the project any more; NotFound where it did not."""
    _check(project, by=by)
    present(thing)
    links, column = assigned.LINKS[type(thing)]
    gone, _ = links.objects.filter(**{column: thing, "project": project}).delete()
    if not gone:
        raise NotFound(f"{thing.name} is not assigned to {project.key}.")
    _record("taken_off", thing, project, by=by)


def present(thing: Team | Agent) -> None:
    """Hold it until the operation ends; NotFound where it was deleted meanwhile."""
    model = type(thing)
    if not model._default_manager.select_for_update(no_key=True).filter(pk=thing.pk, archived_at=None).exists():
        raise NotFound(f"There is no such {called(thing)} any more.")


def called(thing: Team | Agent) -> str:
    return "team" if isinstance(thing, Team) else "agent"


def record(verb: str, thing: Team | Agent, *, by: Actor, **data: Any) -> None:
    """One event about a team or an agent, for those who see it."""
    noun = called(thing)
    events.record(
        f"{noun}.{verb}",
        by=by,
        object={"kind": noun, "id": thing.id, "name": thing.name},
        project_id=assigned.project_of_events(thing),
        **data,
    )


def _check(project: Project, *, by: Actor) -> None:
    access.require_own(by, project.organization_id)
    access.require(by, Permission.MANAGE_PROJECTS, project_id=project.id)


def _record(verb: str, thing: Team | Agent, project: Project, *, by: Actor) -> None:
    noun = called(thing)
    named: dict[str, str | uuid.UUID] = {"kind": noun, "id": thing.id, "name": thing.name}
    events.record(
        f"{noun}.{verb}", by=by, object=named, project_id=project.id, project=project.key, subjects=[f"{noun}s"]
    )
