"""Apps: the deployable things inside projects."""

import re
import uuid
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from projects import access, events, names
from projects.access import Actor, Permission
from projects.errors import Conflict, Invalid, NotFound
from projects.models import App, Project

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}")
CHANGEABLE = {"name", "description", "repository_url"}


class NameTaken(Conflict):
    code = "name-taken"


class Archived(Conflict):
    code = "archived"


@events.operation
def create(*, by: Actor, project: Project, name: str, description: str = "", repository_url: str = "") -> App:
    """A new app in `project`; its name is unique there regardless of case."""
    access.require_own(by, project.organization_id)
    access.require(by, Permission.MANAGE_PROJECTS, project_id=project.id)
    # A deletion locks the row too and then looks for apps: one of the two comes first and the other is refused.
    if Project.objects.select_for_update(no_key=True).filter(pk=project.pk).first() is None:
        raise NotFound("There is no such project any more.")
    try:
        with transaction.atomic():
            app = App.objects.create(
                organization=by.organization,
                project=project,
                name=_name(name),
                description=description,
                repository_url=_url(repository_url),
                created_by=by.label,
            )
    except IntegrityError:
        raise NameTaken.about("name", f"{project.key} has an app of this name already; choose another.") from None
    _record("app.created", by, app)
    return app


@events.operation
def update(app: App, *, by: Actor, **fields: Any) -> App:
    """Change name, description or repository_url."""
    access.require_own(by, app.organization_id)
    access.require(by, Permission.MANAGE_PROJECTS, project_id=app.project_id)
    if unknown := set(fields) - CHANGEABLE:
        raise Invalid.field(sorted(unknown)[0], "cannot be changed")
    if "name" in fields:
        fields["name"] = _name(fields["name"])
    if "repository_url" in fields:
        fields["repository_url"] = _url(fields["repository_url"])
    changed = [name for name, value in fields.items() if getattr(app, name) != value]
    if not changed:
        return app
    for name in changed:
        setattr(app, name, fields[name])
    try:
        with transaction.atomic():
            app.save(update_fields=[*changed, "updated_at"])
    except IntegrityError:
        raise NameTaken.about("name", "The project has an app of this name already; choose another.") from None
    _record("app.updated", by, app, changed=sorted(changed))
    return app


@events.operation
def archive(app: App, *, by: Actor) -> App:
    """Put an app away: it takes no more releases. What runs of it keeps running until it is removed."""
    access.require_own(by, app.organization_id)
    access.require(by, Permission.MANAGE_PROJECTS, project_id=app.project_id)
    if App.objects.filter(pk=app.pk, archived_at=None).update(archived_at=timezone.now(), updated_at=timezone.now()):
        _record("app.archived", by, app)
    app.refresh_from_db()
    return app


def visible(actor: Actor, *, archived: bool = False) -> QuerySet[App]:
    """The apps an actor may see, oldest first; archived ones only when asked for, and then they alone."""
    found = App.objects.filter(organization=actor.organization, archived_at__isnull=not archived)
    found = found.select_related("project")
    ids = actor.visible_projects
    return (found if ids is None else found.filter(project__in=ids)).order_by("created_at", "id")


def named_like(actor: Actor, typed: str) -> list[uuid.UUID]:
    """The apps, also archived ones, whose name holds what was typed: as ids, for which other tables have indexes."""
    rows = App.objects.filter(names.holding("name", typed), organization=actor.organization)
    if (ids := actor.visible_projects) is not None:
        rows = rows.filter(project__in=ids)
    return list(rows.values_list("pk", flat=True))


def find(actor: Actor, ident: str | uuid.UUID) -> App:
    """The app with this id, also an archived one, or with this name or `KEY/name` where only one has it."""
    rows = App.objects.filter(organization=actor.organization).select_related("project")
    if (ids := actor.visible_projects) is not None:
        rows = rows.filter(project__in=ids)
    text = str(ident)
    try:
        found = rows.filter(pk=uuid.UUID(text)).first()
    except ValueError:
        found = None
    if found is None:
        key, slash, name = text.partition("/")
        named = rows.filter(names.same("name", name if slash else text))
        if slash:
            named = named.filter(project__key__iexact=key)
        several = list(named.order_by("archived_at", "created_at")[:2])
        if len(several) > 1:
            raise Invalid.field("app", f"several apps are called {text}; name its id or KEY/name")
        found = several[0] if several else None
    if found is None:
        raise NotFound("There is no such app.")
    return found


def locked(app: App) -> App:
    """The app as it is now, held until the operation ends."""
    return App.objects.select_for_update(no_key=True, of=("self",)).select_related("project").get(pk=app.pk)


def check_open(app: App) -> None:
    """Raise Archived where an app takes nothing new."""
    if app.archived_at is not None:
        raise Archived(f"{app.name} is archived and takes no new releases.")


def _name(name: str) -> str:
    name = name.strip()
    if not NAME.fullmatch(name):
        raise Invalid.field("name", "1 to 100 letters, digits, spaces, dots, underscores and hyphens")
    return name


def _url(url: str) -> str:
    url = url.strip()
    if url and not re.match(r"(https?|ssh|git)://", url):
        raise Invalid.field("repository_url", "must begin with https://, http://, ssh:// or git://")
    if len(url) > 500:
        raise Invalid.field("repository_url", "use at most 500 characters")
    return url


def _record(kind: str, by: Actor, app: App, **data: Any) -> None:
    events.record(
        kind,
        by=by,
        object={"kind": "app", "id": app.id, "name": app.name},
        project_id=app.project_id,
        app_id=app.id,
        **data,
    )
