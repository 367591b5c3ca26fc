"""Workflows: named shell steps with inputs, kept in a project and run in its environments."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from projects import access, definitions, events, lifecycle, names, retired, scopes, versions
from projects.access import Actor, Permission
from projects.errors import Conflict, Invalid, NotFound
from projects.models import Project, Workflow

# What can be changed of a workflow, which is also what its settings page shows.
CHANGEABLE = ("name", "description", "inputs", "steps")
LONGEST_DESCRIPTION = 10_000


class NameTaken(Conflict):
    code = "name-taken"


class Archived(Conflict):
    code = "archived"


@events.operation
def create(
    *,
    by: Actor,
    name: str,
    steps: list[Any],
    inputs: Mapping[str, Any] | None = None,
    description: str = "",
    project: Project | None = None,
) -> Workflow:
    """A new workflow in `project`, or in the default one; its name is unique there regardless of case."""
    project = project or lifecycle.default(by=by)
    access.require_own(by, project.organization_id)
    access.require(by, Permission.MANAGE_PROJECTS, project_id=project.id)
    checked = definitions.parse({"inputs": dict(inputs or {}), "steps": steps})
    retired.check_project(lifecycle.locked(project))
    try:
        with transaction.atomic():
            workflow = Workflow.objects.create(
                organization=by.organization,
                project=project,
                name=_name(name),
                description=_description(description),
                created_by=by.label,
                **checked,
            )
    except IntegrityError:
        raise _taken(project) from None
    _record("workflow.created", by, workflow)
    return workflow


def version(workflow: Workflow) -> str:
    """Another one as soon as anybody changes what the settings page shows."""
    return versions.of(workflow, CHANGEABLE)


@events.operation
def update(workflow: Workflow, *, by: Actor, seen: str | None = None, **fields: Any) -> Workflow:
    """Change name, description, inputs or steps. Runs that were asked for before go on as they were asked for.

    With `seen`, the version that the one who asks has looked at, nothing newer is overwritten.
    """
    _require(workflow, by=by)
    if unknown := set(fields) - set(CHANGEABLE):
        raise Invalid.field(sorted(unknown)[0], "cannot be changed")
    workflow = locked(workflow)
    versions.check(seen, version(workflow), called=workflow.name)
    if "name" in fields:
        fields["name"] = _name(fields["name"])
    if "description" in fields:
        fields["description"] = _description(fields["description"])
    if fields.keys() & {"inputs", "steps"}:
        whole = {"inputs": definitions.in_order(workflow.inputs), "steps": _without_numbers(workflow.steps)}
        given = {name: fields[name] for name in ("inputs", "steps") if name in fields}
        checked = definitions.parse(whole | given)
        fields |= {name: checked[name] for name in given}
    changed = sorted(name for name, value in fields.items() if getattr(workflow, name) != value)
    if not changed:
        return workflow
    for name in changed:
        setattr(workflow, name, fields[name])
    try:
        with transaction.atomic():
            workflow.save(update_fields=[*changed, "updated_at"])
    except IntegrityError:
        raise _taken(workflow.project) from None
    _record("workflow.updated", by, workflow, changed=changed)
    return workflow


@events.operation
def archive(workflow: Workflow, *, by: Actor) -> Workflow:
    """Put a workflow away: it is run no more, and its name is free. What runs of it goes on."""
    _require(workflow, by=by)
    workflow = locked(workflow)
    if workflow.archived_at is None:
        workflow.archived_at = timezone.now()
        workflow.save(update_fields=["archived_at", "updated_at"])
        _record("workflow.archived", by, workflow)
    return workflow


@events.operation
def restore(workflow: Workflow, *, by: Actor) -> Workflow:
    """Take an archived workflow back; refused where another one has its name by now."""
    _require(workflow, by=by)
    workflow = locked(workflow)
    if workflow.archived_at is None:
        return workflow
    workflow.archived_at = None
    try:
        with transaction.atomic():
            workflow.save(update_fields=["archived_at", "updated_at"])
    except IntegrityError:
        raise _taken(workflow.project) from None
    _record("workflow.restored", by, workflow)
    return workflow


def visible(actor: Actor, *, archived: bool = False) -> QuerySet[Workflow]:
    """The workflows an actor may see, oldest first; archived ones only when asked for, and then they alone."""
    found = _seen(actor).filter(archived_at__isnull=not archived)
    return found.order_by("created_at", "id")


def find(actor: Actor, ident: str | uuid.UUID) -> Workflow:
    """The workflow with this id, also an archived one, or with this name or `KEY/name` where only one has it."""
    rows, text = _seen(actor), str(ident)
    try:
        found = rows.filter(pk=uuid.UUID(text)).first()
    except ValueError:
        key, slash, name = text.partition("/")
        named = rows.filter(names.same("name", name if slash else text), archived_at=None)
        several = list((named.filter(project__key__iexact=key) if slash else named)[:2])
        if len(several) > 1:
            raise Invalid.field("workflow", f"several workflows are called {text}; name its id or KEY/name") from None
        found = several[0] if several else None
    if found is None:
        raise NotFound("There is no such workflow, or you may not see it.")
    return found


def locked(workflow: Workflow) -> Workflow:
    """The workflow as it is now, held until the operation ends."""
    rows = Workflow.objects.select_for_update(no_key=True, of=("self",)).select_related("project")
    found = rows.filter(pk=workflow.pk).first()
    if found is None:
        raise NotFound("There is no such workflow any more.")
    return found


def check_open(workflow: Workflow) -> None:
    """Raise Archived where it is not run any more."""
    if workflow.archived_at is not None:
        raise Archived(f"{workflow.name} is archived and is not run any more; restore it first.")
    retired.check_project(workflow.project)


def _seen(actor: Actor) -> QuerySet[Workflow]:
    found = Workflow.objects.filter(organization=actor.organization).select_related("project")
    return found.filter(scopes.within(actor, project="project"))


def _require(workflow: Workflow, *, by: Actor) -> None:
    access.require_own(by, workflow.organization_id)
    access.require(by, Permission.MANAGE_PROJECTS, project_id=workflow.project_id)


def _without_numbers(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in step.items() if name != "n"} for step in steps]


def _taken(project: Project) -> NameTaken:
    return NameTaken.about("name", f"{project.key} has a workflow of this name already; choose another.")


def _name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= 100 or "\0" in name:
        raise Invalid.field("name", "give a name of 1 to 100 characters")
    return name


def _description(text: str) -> str:
    if len(text) > LONGEST_DESCRIPTION or "\0" in text:
        raise Invalid.field("description", f"use at most {LONGEST_DESCRIPTION:,} characters")
    return text


def _record(kind: str, by: Actor, workflow: Workflow, **data: Any) -> None:
    events.record(
        kind,
        by=by,
        object={"kind": "workflow", "id": workflow.id, "name": workflow.name},
        project_id=workflow.project_id,
        **data,
    )
