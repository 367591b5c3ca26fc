"""Apps: the deployable things inside projects."""

import re
import uuid
from typing import Any
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from projects import access, events, names, retired, scopes, versions
from projects.access import Actor, Permission
from projects.errors import Conflict, Invalid, NotFound
from projects.models import App, Project

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}")
# What can be changed of an app, which is also what its settings page shows.
CHANGEABLE = ("name", "description", "repository_url")


class NameTaken(Conflict):
    code = "name-taken"


@events.operation
def create(*, by: Actor, project: Project, name: str, description: str = "", repository_url: str = "") -> App:
    """A new app in `project`; its name is unique there regardless of case."""
    access.require_own(by, project.organization_id)
    access.require(by, Permission.MANAGE_PROJECTS, project_id=project.id)
    # A deletion locks the row too and then looks for apps: one of the two comes first and the other is refused.
    found = Project.objects.select_for_update(no_key=True).filter(pk=project.pk).first()
    if found is None:
        raise NotFound("There is no such project any more.")
    retired.check_project(found)
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
        raise _taken(project, name) from None
    _record("app.created", by, app)
    return app


def version(app: App) -> str:
    """Another one as soon as anybody changes what the settings page shows."""
    return versions.of(app, CHANGEABLE)


@events.operation
def update(app: App, *, by: Actor, seen: str | None = None, **fields: Any) -> App:
    """Change name, description or repository_url.

    With `seen`, the version that the one who asks has looked at, nothing newer is overwritten.
    """
    access.require_own(by, app.organization_id)
    access.require(by, Permission.MANAGE_PROJECTS, project_id=app.project_id)
    if unknown := set(fields) - set(CHANGEABLE):
        raise Invalid.field(sorted(unknown)[0], "cannot be changed")
    if "name" in fields:
        fields["name"] = _name(fields["name"])
    locked(app)
    app.refresh_from_db()
    versions.check(seen, version(app), called=app.name)
    # An address that was taken before the rules were as they are is sent back as it was read.
    if fields.get("repository_url", app.repository_url) != app.repository_url:
        fields["repository_url"] = _url(fields["repository_url"])
    changed = sorted(name for name, value in fields.items() if getattr(app, name) != value)
    if not changed:
        return app
    # A password that an address was given before it was refused is nobody's to read in a log.
    told = "repository_url" not in changed or not _with_password(app.repository_url)
    values = {name: [getattr(app, name), fields[name]] for name in changed} if told else {}
    for name in changed:
        setattr(app, name, fields[name])
    try:
        with transaction.atomic():
            app.save(update_fields=[*changed, "updated_at"])
    except IntegrityError:
        raise _taken(app.project, fields["name"]) from None
    _record("app.updated", by, app, changed=changed, values=values)
    return app


@events.operation
def archive(app: App, *, by: Actor) -> App:
    """Put an app away: it takes no more releases. What runs of it keeps running until it is removed.

    Its name stays its own, so that nothing stands in the way of restoring it.
    """
    access.require_own(by, app.organization_id)
    access.require(by, Permission.MANAGE_PROJECTS, project_id=app.project_id)
    locked(app)
    if App.objects.filter(pk=app.pk, archived_at=None).update(archived_at=timezone.now(), updated_at=timezone.now()):
        _record("app.archived", by, app)
    app.refresh_from_db()
    return app


@events.operation
def restore(app: App, *, by: Actor) -> App:
    """Take an archived app back: it takes releases and deployments again. One that is not archived stays as it is."""
    access.require_own(by, app.organization_id)
    access.require(by, Permission.MANAGE_PROJECTS, project_id=app.project_id)
    locked(app)
    archived = App.objects.filter(pk=app.pk, archived_at__isnull=False)
    if archived.update(archived_at=None, updated_at=timezone.now()):
        _record("app.restored", by, app)
    app.refresh_from_db()
    return app


def visible(actor: Actor, *, archived: bool = False) -> QuerySet[App]:
    """The apps an actor may see, oldest first; archived ones only when asked for, and then they alone.

    With its project an app is put away, too.
    """
    found = App.objects.filter(organization=actor.organization)
    put_away = Q(archived_at__isnull=False) | Q(project__archived_at__isnull=False)
    found = found.filter(put_away) if archived else found.filter(archived_at=None, project__archived_at=None)
    found = found.filter(scopes.within(actor, project="project"))
    return found.select_related("project").order_by("created_at", "id")


def named_like(actor: Actor, typed: str) -> list[uuid.UUID]:
    """The apps, also archived ones, whose name holds what was typed: as ids, for which other tables have indexes."""
    return _ids(actor, names.holding("name", typed))


def named(actor: Actor, name: str) -> list[uuid.UUID]:
    """The apps, also archived ones, of just this name, of which every project may have one."""
    return _ids(actor, names.same("name", name))


def _ids(actor: Actor, matching: Q) -> list[uuid.UUID]:
    rows = App.objects.filter(matching, organization=actor.organization)
    rows = rows.filter(scopes.within(actor, project="project"))
    return list(rows.values_list("pk", flat=True))


def find(actor: Actor, ident: str | uuid.UUID) -> App:
    """The app with this id, also an archived one, or with this name or `KEY/name` where only one has it."""
    rows = App.objects.filter(scopes.within(actor, project="project"), organization=actor.organization)
    rows = rows.select_related("project")
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
    """The app as it is now, held until the operation ends; NotFound where it went with its project meanwhile."""
    rows = App.objects.select_for_update(no_key=True, of=("self",)).select_related("project")
    found = rows.filter(pk=app.pk).first()
    if found is None:
        raise NotFound("There is no such app any more.")
    return found


def _taken(project: Project, name: str) -> NameTaken:
    """Whose name it is: one that is archived is not seen where somebody looks for it first."""
    if App.objects.filter(names.same("name", name.strip()), project=project, archived_at__isnull=False).exists():
        return NameTaken.about("name", f"{project.key} has an archived app of this name; restore it or choose another.")
    return NameTaken.about("name", f"{project.key} has an app of this name already; choose another.")


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
    if _with_password(url):
        raise Invalid.field("repository_url", "must not carry a password")
    return url


def _with_password(url: str) -> bool:
    """Whether it opens a repository to whoever reads it: over ssh and git a user name alone is none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "@" in url
    return bool(parts.password or (parts.scheme in {"http", "https"} and parts.username))


def _record(kind: str, by: Actor, app: App, **data: Any) -> None:
    events.record(
        kind,
        by=by,
        object={"kind": "app", "id": app.id, "name": app.name},
        project_id=app.project_id,
        app_id=app.id,
        **data,
    )
