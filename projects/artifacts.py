"""Archives that releases are made of: received by upload or fetched once from git, stored by their digest."""

import re
import time
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from django.db.models import QuerySet

from projects import access, archives, events, retired, scopes
from projects.access import Actor, Permission
from projects.archives import Archive, Upload
from projects.errors import Conflict, Invalid, NotFound
from projects.models import App, Artifact

# Longer than any upload, fetch or transaction takes.
LEFT_BEHIND = timedelta(days=1)
REF = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/@+-]{0,199}")


class NotStored(Conflict):
    code = "artifact-not-stored"


class NotFailed(Conflict):
    code = "artifact-not-failed"


def receive(*, by: Actor, app: App, stream: BinaryIO | Upload, filename: str, sha256: str = "") -> Artifact:
    """Store an uploaded archive (tar, tar.gz, tar.bz2, tar.xz or zip); its digest must be the one declared."""
    with archives.taken_in(stream) as archive:
        return _receive(by=by, app=app, archive=archive, filename=filename, declared=sha256.strip().lower())


@events.operation
def _receive(*, by: Actor, app: App, archive: Archive, filename: str, declared: str) -> Artifact:
    access.require_own(by, app.organization_id)
    access.require(by, Permission.RELEASE, project_id=app.project_id)
    retired.check_app(app)
    archive.check_whole()
    found, size = archive.sha256, archive.size
    if declared and not re.fullmatch(r"[0-9a-f]{64}", declared):
        raise Invalid.field("sha256", "must be 64 hexadecimal digits")
    if declared and found != declared:
        raise Invalid.field("sha256", f"the file received has {found}; send it again")
    if not archive.readable:
        raise Invalid.field("file", "must be a tar or zip archive")
    archive.keep()
    artifact = Artifact.objects.create(
        organization=by.organization,
        app=app,
        kind=Artifact.Kind.UPLOAD,
        status=Artifact.Status.STORED,
        filename=_plain(filename),
        sha256=found,
        size=size,
        created_by=by.label,
    )
    _record("artifact.stored", by, artifact, sha256=found, size=size)
    return artifact


@events.operation
def ask_git(*, by: Actor, app: App, url: str, ref: str) -> Artifact:
    """Write down that a git source is to be fetched once; a control run fetches it."""
    access.require_own(by, app.organization_id)
    access.require(by, Permission.RELEASE, project_id=app.project_id)
    retired.check_app(app)
    try:
        parts = urlsplit(url)
        named = parts.scheme == "https" and parts.hostname and (parts.port or 443)
    except ValueError:
        named = False
    if not named or len(url) > 500 or re.search(r"[\s\x00-\x1f]", url):
        raise Invalid.field("git.url", "must be an https:// address")
    if parts.username or parts.password:
        raise Invalid.field("git.url", "must not carry a user name or password")
    if not REF.fullmatch(ref) or ".." in ref:
        raise Invalid.field("git.ref", "must be the name of a branch or tag, or a commit")
    artifact = Artifact.objects.create(
        organization=by.organization,
        app=app,
        kind=Artifact.Kind.GIT,
        status=Artifact.Status.FETCHING,
        git_url=url,
        git_ref=ref,
        created_by=by.label,
    )
    _record("artifact.fetching", by, artifact, ref=ref)
    return artifact


def keep_fetched(artifact: Artifact, *, by: Actor, path: Path, filename: str, commit: str) -> Artifact:
    """Store what a control run fetched (the file at `path` is moved) with its commit and digest."""
    with path.open("rb") as stream, archives.taken_in(stream) as archive:
        artifact = _keep_fetched(artifact, by=by, archive=archive, filename=filename, commit=commit)
    path.unlink(missing_ok=True)
    return artifact


@events.operation
def _keep_fetched(artifact: Artifact, *, by: Actor, archive: Archive, filename: str, commit: str) -> Artifact:
    archive.check_whole()
    archive.keep()
    found, size = archive.sha256, archive.size
    Artifact.objects.filter(pk=artifact.pk).update(
        status=Artifact.Status.STORED, filename=_plain(filename), sha256=found, size=size, git_commit=commit, reason=""
    )
    artifact.refresh_from_db()
    _record("artifact.stored", by, artifact, sha256=found, size=size, commit=commit)
    return artifact


@events.operation
def fail(artifact: Artifact, *, by: Actor, reason: str) -> Artifact:
    """Write down that a git source could not be fetched, and why."""
    Artifact.objects.filter(pk=artifact.pk).update(status=Artifact.Status.FAILED, reason=reason)
    artifact.refresh_from_db()
    _record("artifact.failed", by, artifact, reason=reason)
    return artifact


@events.operation
def fetch_again(artifact: Artifact, *, by: Actor) -> Artifact:
    """Write down that a git source that could not be fetched is to be fetched after all."""
    access.require_own(by, artifact.organization_id)
    artifact = Artifact.objects.select_for_update(no_key=True, of=("self",)).select_related("app").get(pk=artifact.pk)
    access.require(by, Permission.RELEASE, project_id=artifact.app.project_id)
    check_fetch(artifact)
    artifact.status, artifact.reason = Artifact.Status.FETCHING, ""
    artifact.save(update_fields=["status", "reason"])
    _record("artifact.fetching", by, artifact, ref=artifact.git_ref)
    return artifact


def check_fetch(artifact: Artifact) -> None:
    """Raise Archived or NotFailed where a source is not to be fetched again."""
    retired.check_app(artifact.app)
    if artifact.status != Artifact.Status.FAILED:
        raise NotFailed(f"The source is {artifact.get_status_display().lower()}; there is nothing to fetch again.")


def path(artifact: Artifact) -> Path:
    """Where a stored artifact's bytes lie; NotStored while they do not."""
    if artifact.status != Artifact.Status.STORED:
        raise NotStored(artifact.reason or "The artifact is not stored yet.")
    return archives.home() / artifact.sha256


def visible(actor: Actor) -> QuerySet[Artifact]:
    """The artifacts of the apps an actor may see, oldest first."""
    found = Artifact.objects.filter(organization=actor.organization).select_related("app")
    return found.filter(scopes.within(actor, project="app__project")).order_by("created_at", "id")


def find(actor: Actor, ident: str | uuid.UUID) -> Artifact:
    try:
        found = visible(actor).filter(pk=uuid.UUID(str(ident))).first()
    except ValueError:
        found = None
    if found is None:
        raise NotFound("There is no such artifact.")
    return found


def sweep(*, left_behind: timedelta = LEFT_BEHIND) -> int:
    """Remove old files that no row tells of: of a process that was killed, of a transaction that did not end well."""
    before = time.time() - left_behind.total_seconds()
    partial, placed = archives.old(before)
    known: set[str] = set()
    for first in range(0, len(placed), 1000):
        names = [one.name for one in placed[first : first + 1000]]
        known.update(Artifact.objects.filter(sha256__in=names).values_list("sha256", flat=True))
    gone = [*partial, *(one for one in placed if one.name not in known)]
    for file in gone:
        archives.remove(file, before=before)
    return len(gone)


def _plain(filename: str) -> str:
    """A file name alone: no directory, nothing a shell or a terminal would act on."""
    name = re.sub(r"[^A-Za-z0-9._+-]", "_", filename.replace("\\", "/").rsplit("/", 1)[-1])
    return name[-255:].lstrip(".") or "artifact"


def _record(kind: str, by: Actor, artifact: Artifact, **data: Any) -> None:
    events.record(
        kind,
        by=by,
        object={"kind": "artifact", "id": artifact.id, "name": str(artifact)},
        project_id=artifact.app.project_id,
        app_id=artifact.app_id,
        app=artifact.app.name,
        **data,
    )
