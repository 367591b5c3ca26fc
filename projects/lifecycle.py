"""Projects: creating, changing and deleting them."""

import re
import uuid
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError, QuerySet

from projects import access, events, names
from projects.access import Actor, Permission
from projects.errors import Conflict, Invalid, NotFound
from projects.models import Project

KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{1,49}")
DEFAULT = "DEFAULT"
CHANGEABLE = {"name", "description", "restrict_to_environment_id"}


class KeyTaken(Conflict):
    code = "key-taken"


class KeyFixed(Conflict):
    code = "key-fixed"


class InUse(Conflict):
    code = "in-use"


@events.operation
def create(
    *,
    by: Actor,
    key: str,
    name: str,
    description: str = "",
    restrict_to_environment_id: uuid.UUID | None = None,
) -> Project:
    """A new project; its key is stored upper-case and never changes."""
    access.require(by, Permission.MANAGE_PROJECTS)
    return _create(
        by, key=key, name=name, description=description, restrict_to_environment_id=restrict_to_environment_id
    )


def _create(by: Actor, *, key: str, name: str, **fields: Any) -> Project:
    if not KEY.fullmatch(key):
        raise Invalid.field(
            "key", "2 to 50 letters, digits, underscores and hyphens, beginning with a letter or a digit"
        )
    try:
        with transaction.atomic():
            project = Project.objects.create(
                organization=by.organization,
                key=key.upper(),
                name=_name(name),
                created_by=by.label,
                is_default=key.upper() == DEFAULT,
                **fields,
            )
    except IntegrityError:
        raise KeyTaken.about("key", f"The key {key.upper()} is taken; choose another.") from None
    _record("project.created", by, project)
    return project


@events.operation
def default(*, by: Actor) -> Project:
    """The organization's default project, made when it is first asked for."""
    found = Project.objects.filter(organization=by.organization, is_default=True).first()
    if found is None:
        # A viewer's first look may make it, so no right is asked for; two first looks at once meet in the constraint.
        try:
            found = _create(by, key=DEFAULT, name="Default", description="")
        except KeyTaken:
            found = Project.objects.get(organization=by.organization, is_default=True)
    if not by.sees(project_id=found.id):
        raise NotFound("There is no such project.")
    return found


@events.operation
def update(project: Project, *, by: Actor, **fields: Any) -> Project:
    """Change name, description or restrict_to_environment_id; the key may be named as it is, in any case."""
    access.require_own(by, project.organization_id)
    access.require(by, Permission.MANAGE_PROJECTS, project_id=project.id)
    if fields.pop("key", project.key).upper() != project.key:
        raise KeyFixed(f"A project keeps its key for life; leave {project.key}, or create another project.")
    if unknown := set(fields) - CHANGEABLE:
        raise Invalid.field(sorted(unknown)[0], "cannot be changed")
    if "name" in fields:
        fields["name"] = _name(fields["name"])
    changed = [name for name, value in fields.items() if getattr(project, name) != value]
    if not changed:
        return project
    for name in changed:
        setattr(project, name, fields[name])
    project.save(update_fields=[*changed, "updated_at"])
    _record("project.updated", by, project, changed=sorted(changed))
    return project


@events.operation
def delete(project: Project, *, by: Actor) -> None:
    """Delete an empty project; the default one stays."""
    access.require_own(by, project.organization_id)
    access.require(by, Permission.MANAGE_PROJECTS, project_id=project.id)
    if project.is_default:
        raise InUse("The default project cannot be deleted.")
    project = locked(project)
    _record("project.deleted", by, project)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            project.delete()
            # What somebody adds at this moment is seen here, not at commit.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except (ProtectedError, IntegrityError):
        raise InUse(f"{project.key} still has apps or environments; it can be deleted once they are gone.") from None


def visible(actor: Actor) -> QuerySet[Project]:
    """The projects an actor may see, newest first."""
    found = Project.objects.filter(organization=actor.organization).order_by("-created_at", "-id")
    ids = actor.visible_projects
    return found if ids is None else found.filter(pk__in=ids)


def find(actor: Actor, ident: str | uuid.UUID) -> Project:
    """The project with this id, key or name, whatever the case."""
    rows = visible(actor)
    text = str(ident)
    try:
        found = rows.filter(pk=uuid.UUID(text)).first()
    except ValueError:
        found = None
    # Keys are written in capitals, and so has the index that makes them unique.
    found = found or rows.filter(key__iexact=text).first() or rows.filter(names.same("name", text)).first()
    if found is None:
        raise NotFound("There is no such project.")
    return found


def locked(project: Project) -> Project:
    """The project as it is now, held until the operation ends; NotFound where it was deleted meanwhile."""
    found = Project.objects.select_for_update(no_key=True).filter(pk=project.pk).first()
    if found is None:
        raise NotFound("There is no such project any more.")
    return found


def _name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= 100:
        raise Invalid.field("name", "give a name of 1 to 100 characters")
    return name


def _record(kind: str, by: Actor, project: Project, **data: Any) -> None:
    events.record(
        kind, by=by, object={"kind": "project", "id": project.id, "name": project.key}, project_id=project.id, **data
    )
