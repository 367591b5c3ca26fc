"""Releases: cutting immutable versions of an app."""

import re
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max, Q, QuerySet

from projects import access, apps, events, manifests, names, retired, scopes
from projects.access import Actor, Permission
from projects.errors import Conflict, Invalid, NotFound
from projects.models import App, Artifact, Release
from projects.reasons import LINK

VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
COMMIT = re.compile(r"[A-Za-z0-9._/-]{0,64}")
MOST_CHANGES, LONGEST_CHANGE, LONGEST_NOTES = 500, 1_000, 100_000


class VersionTaken(Conflict):
    code = "version-taken"


@events.operation
def cut(
    *,
    by: Actor,
    app: App,
    version: str,
    manifest: str | Mapping[str, Any],
    commit: str = "",
    notes: str = "",
    changes: Iterable[str] = (),
    link: str = "",
    artifact: Artifact | None = None,
) -> Release:
    """A new release of `app`; `manifest` is YAML or JSON text, or what was parsed from it. It never changes again."""
    access.require_own(by, app.organization_id)
    access.require(by, Permission.RELEASE, project_id=app.project_id)
    checked = manifests.parse(manifest)
    _check(version, commit, notes, link)
    lines = [str(line) for line in changes]
    if len(lines) > MOST_CHANGES or any(len(line) > LONGEST_CHANGE for line in lines):
        raise Invalid.field("changes", f"at most {MOST_CHANGES} lines of {LONGEST_CHANGE} characters")
    if artifact is not None and artifact.app_id != app.id:
        raise NotFound("There is no such artifact of this app.")
    # One cut at a time in an app, so that serials follow the order of cutting, and none after it was archived.
    retired.check_app(apps.locked(app))
    serial = Release.objects.filter(app=app).aggregate(last=Max("serial"))["last"] or 0
    try:
        with transaction.atomic():
            release = Release.objects.create(
                serial=serial + 1,
                organization=by.organization,
                app=app,
                version=version,
                commit=commit,
                notes=notes,
                changes=lines,
                link=link,
                manifest=checked,
                artifact=artifact,
                created_by=by.label,
            )
    except IntegrityError:
        raise VersionTaken.about(
            "version", f"{app.name} has a release {version} already; releases never change."
        ) from None
    events.record(
        "release.cut",
        by=by,
        object={"kind": "release", "id": release.id, "name": version},
        project_id=app.project_id,
        app_id=app.id,
        app=app.name,
        version=version,
    )
    return release


def visible(actor: Actor) -> QuerySet[Release]:
    """The releases an actor may see, newest first."""
    found = Release.objects.filter(organization=actor.organization).select_related("app", "artifact")
    return found.filter(scopes.within(actor, project="app__project")).order_by("-created_at", "-id")


def matching(actor: Actor, words: str) -> Q:
    """`shop 1.4` is that version of apps called so, `1.4` that of every app, `ab12` the commit; also parts of them."""
    app, _, version = words.rpartition(" ")
    if app:
        return Q(names.holding("version", version), app__in=apps.named_like(actor, app))
    return names.holding("version", words) | Q(commit__istartswith=words)


def named(actor: Actor, words: str) -> Q:
    """The same, where nothing is left out of version, commit and app."""
    app, _, version = words.rpartition(" ")
    if app:
        return Q(version__iexact=version, app__in=apps.named(actor, app))
    return Q(version__iexact=words) | Q(commit__iexact=words)


def find(actor: Actor, ident: str | uuid.UUID, *, app: App | None = None) -> Release:
    """The release with this id, or, where the app is known, with this version."""
    rows = visible(actor)
    if app is not None:
        rows = rows.filter(app=app)
    try:
        found = rows.filter(pk=uuid.UUID(str(ident))).first()
    except ValueError:
        found = None
    if found is None and app is not None:
        found = rows.filter(version=str(ident)).first()
    if found is None:
        raise NotFound("There is no such release.")
    return found


def called(app: App, name: str, *, by: Actor) -> Release:
    """The app's release of this version or id, or the one cut as the so-manieth: a version goes before a number."""
    rows = visible(by).filter(app=app)
    found = rows.filter(version=name).first()
    if found is None and name.isascii() and name.isdigit() and len(name) < 10:
        found = rows.filter(serial=int(name)).first()
    if found is not None:
        return found
    try:
        return rows.get(pk=uuid.UUID(name))
    except (ValueError, Release.DoesNotExist):
        raise NotFound(f"{app.name} has no such release; its page lists what there is.") from None


def _check(version: str, commit: str, notes: str, link: str) -> None:
    if not VERSION.fullmatch(version):
        raise Invalid.field(
            "version",
            "1 to 64 letters, digits, dots, underscores, plus signs and hyphens, beginning with a letter or digit",
        )
    if not COMMIT.fullmatch(commit):
        raise Invalid.field("commit", "at most 64 letters, digits, dots, slashes, underscores and hyphens")
    if len(notes) > LONGEST_NOTES:
        raise Invalid.field("notes", f"at most {LONGEST_NOTES} characters")
    if link and not LINK.fullmatch(link):
        raise Invalid.field("link", "must be an http:// or https:// address of at most 500 characters")
