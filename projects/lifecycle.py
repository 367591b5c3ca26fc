"""Projects: creating, changing, archiving and deleting them."""

import re
import uuid
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError, Q, QuerySet
from django.utils import timezone

from projects import access, checks, events, names, scopes, versions
from projects.access import Actor, Permission
from projects.errors import Conflict, Invalid, NotFound
from projects.models import (
    App,
    Artifact,
    DeletedPrivateProject,
    Grant,
    Membership,
    Project,
    Release,
    Role,
    Visibility,
    Workflow,
)

KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{1,49}")
DEFAULT = "DEFAULT"
# What can be changed of a project, which is also what its settings page shows.
CHANGEABLE = (
    "name", "description", "goals", "visibility", "default_model", "settings", "restrict_to_environment_id",
)  # fmt: skip


class KeyTaken(Conflict):
    code = "key-taken"


class KeyFixed(Conflict):
    code = "key-fixed"


class InUse(Conflict):
    code = "in-use"


@events.operation
def create(*, by: Actor, key: str, name: str, **fields: Any) -> Project:
    """A new project; its key is stored upper-case and never changes. `fields` are those that can be changed.

    Who makes a private one has a role in it from the start.
    """
    access.require(by, Permission.MANAGE_PROJECTS)
    return _create(by, key=key, name=name, **fields)


def _create(by: Actor, *, key: str, name: str, **fields: Any) -> Project:
    if not KEY.fullmatch(key):
        raise Invalid.field(
            "key", "2 to 50 letters, digits, underscores and hyphens, beginning with a letter or a digit"
        )
    columns = _checked({"name": name, **fields})
    project = Project(organization=by.organization, key=key.upper(), created_by=by.label, **columns)
    project.is_default = project.key == DEFAULT
    _check_default(project)
    try:
        with transaction.atomic():
            project.save(force_insert=True)
    except IntegrityError:
        raise KeyTaken.about("key", f"The key {key.upper()} is taken; choose another.") from None
    _record("project.created", by, project, visibility=project.visibility)
    _keep_in(project, by=by)
    return project


def _check_default(project: Project) -> None:
    if project.is_default and project.visibility == Visibility.PRIVATE:
        raise Invalid.field("visibility", "the default project is everybody's")


def _keep_in(project: Project, *, by: Actor) -> None:
    """Whoever makes a project private stays in it, by a role that names it."""
    if project.visibility == Visibility.ORG or by.user is None:
        return
    if any(right.projects and project.id in right.projects for right in by.rights):
        return
    if by.is_person and access.allows(by, Permission.MANAGE_OWNERS):
        return
    member = Membership.objects.get(user=by.user, organization=by.organization)
    grant, made = Grant.objects.get_or_create(membership=member, role=Role.ADMIN, project=project, environment_id=None)
    if made:
        named = {"kind": "member", "id": member.id, "name": by.user.username}
        role, ident = Role.ADMIN.value, str(grant.id)
        events.record("member.granted", by=by, object=named, project_id=project.id, role=role, grant_id=ident)


@events.operation
def default(*, by: Actor) -> Project:
    """The organization's default project, made when it is first asked for."""
    found = Project.objects.filter(organization=by.organization, is_default=True).first()
    if found is None:
        # A viewer's first look may make it, so no right is asked for; two first looks at once meet in the constraint.
        try:
            found = _create(by, key=DEFAULT, name="Default")
        except KeyTaken:
            found = Project.objects.get(organization=by.organization, is_default=True)
    if not by.sees(project_id=found.id):
        raise NotFound("There is no such project.")
    return found


def version(project: Project) -> str:
    """Another one as soon as anybody changes what the settings page shows."""
    return versions.of(project, CHANGEABLE)


@events.operation
def update(project: Project, *, by: Actor, seen: str | None = None, **fields: Any) -> Project:
    """Change what is CHANGEABLE; the key may be named as it is, in any case.

    With `seen`, the version that the one who asks has looked at, nothing newer is overwritten.
    """
    access.require_own(by, project.organization_id)
    access.require(by, Permission.MANAGE_PROJECTS, project_id=project.id)
    if fields.pop("key", project.key).upper() != project.key:
        raise KeyFixed(f"A project keeps its key for life; leave {project.key}, or create another project.")
    if unknown := set(fields) - set(CHANGEABLE):
        raise Invalid.field(sorted(unknown)[0], "cannot be changed")
    fields = _checked(fields)
    locked(project)
    project.refresh_from_db()
    versions.check(seen, version(project), called=project.name)
    changed = sorted(name for name, value in fields.items() if getattr(project, name) != value)
    if not changed:
        return project
    values = {name: [_told(getattr(project, name)), _told(fields[name])] for name in changed}
    for name in changed:
        setattr(project, name, fields[name])
    _check_default(project)
    project.save(update_fields=[*changed, "updated_at"])
    # The log calls the fields what REST calls them.
    _record("project.updated", by, project, changed=[name.removesuffix("_id") for name in changed], values=values)
    if "visibility" in changed:
        _keep_in(project, by=by)
    return project


@events.operation
def archive(project: Project, *, by: Actor) -> Project:
    """Put a project away: nothing new is made in it, and its apps are not offered. What runs of it keeps running."""
    access.require_own(by, project.organization_id)
    access.require(by, Permission.MANAGE_PROJECTS, project_id=project.id)
    project = locked(project)
    if project.is_default:
        raise InUse("The default project cannot be archived.")
    if project.archived_at is None:
        project.archived_at = timezone.now()
        project.save(update_fields=["archived_at", "updated_at"])
        _record("project.archived", by, project, subjects=["apps"])
    return project


@events.operation
def restore(project: Project, *, by: Actor) -> Project:
    """Take an archived project back; one that is not archived stays as it is."""
    access.require_own(by, project.organization_id)
    access.require(by, Permission.MANAGE_PROJECTS, project_id=project.id)
    project = locked(project)
    if project.archived_at is not None:
        project.archived_at = None
        project.save(update_fields=["archived_at", "updated_at"])
        _record("project.restored", by, project, subjects=["apps"])
    return project


@events.operation
def delete(project: Project, *, by: Actor) -> None:
    """Delete a project, and its archived apps that were never used; what was released, and the default one, stay."""
    access.require_own(by, project.organization_id)
    access.require(by, Permission.MANAGE_PROJECTS, project_id=project.id)
    if project.is_default:
        raise InUse("The default project cannot be deleted.")
    project = locked(project)
    found = list(App.objects.select_for_update(no_key=True).filter(project=project).order_by("id"))
    if Release.objects.filter(app__project=project).exists() or Artifact.objects.filter(app__project=project).exists():
        raise InUse(
            f"What was released in {project.key} is kept for good, and so is the project. "
            "Archive it to put it out of the way."
        )
    if any(app.archived_at is None for app in found):
        raise InUse(f"{project.key} still has apps in use; archive them first.")
    if Workflow.objects.filter(project=project).exists():
        raise InUse(f"{project.key} has or had workflows. Their history is kept for good, and so is the project.")
    if project.visibility == Visibility.PRIVATE and (
        project.teams.filter(archived_at=None).exists() or project.agents.filter(archived_at=None).exists()
    ):
        # What works for no project is the whole organization's to see.
        raise InUse(f"Teams or agents are assigned to {project.key}, which is private; take them out of it first.")
    subjects = ["apps", *(f"app:{app.pk}" for app in found)] if found else []
    _record("project.deleted", by, project, subjects=subjects, archived=len(found))
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            App.objects.filter(pk__in=[app.pk for app in found]).delete()
            if project.visibility == Visibility.PRIVATE:
                DeletedPrivateProject.objects.create(pk=project.pk, organization_id=project.organization_id)
            project.delete()
            # What somebody adds at this moment is seen here, not at commit.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except (ProtectedError, IntegrityError):
        raise InUse(f"{project.key} is still used; something of it has a history that is kept.") from None


def visible(actor: Actor) -> QuerySet[Project]:
    """The projects an actor may see, newest first."""
    found = Project.objects.filter(scopes.within(actor, project="pk"), organization=actor.organization)
    return found.order_by("-created_at", "-id")


def matching(typed: str) -> Q:
    """Those whose name or key holds what was typed; an organization has few, so that no index is needed."""
    return names.holding("name", typed) | names.holding("key", typed)


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


def _checked(given: dict[str, Any]) -> dict[str, Any]:
    """The columns, Invalid where one will not do."""
    columns = dict(given)
    if "name" in given:
        columns["name"] = checks.name(given["name"])
    for name in ("description", "goals"):
        if name in given:
            columns[name] = checks.text(name, given[name])
    if "default_model" in given:
        columns["default_model"] = checks.text("default_model", given["default_model"], longest=200).strip()
    if "settings" in given:
        columns["settings"] = checks.json_object("settings", given["settings"])
    if "visibility" in given:
        columns["visibility"] = given["visibility"] or Visibility.ORG
        if columns["visibility"] not in Visibility.values:
            raise Invalid.field("visibility", f"must be one of {', '.join(Visibility.values)}")
    return columns


def _told(value: Any) -> Any:
    """The value of a field as an event keeps it."""
    return value if value is None or isinstance(value, dict) else str(value)


def _record(kind: str, by: Actor, project: Project, **data: Any) -> None:
    events.record(
        kind, by=by, object={"kind": "project", "id": project.id, "name": project.key}, project_id=project.id, **data
    )
