"""Archives that releases are made of: received by upload or fetched once from git, stored by their digest."""

import bz2
import hashlib
import lzma
import os
import re
import tarfile
import uuid
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import QuerySet

from projects import access, apps, events
from projects.access import Actor, Permission
from projects.errors import Conflict, Invalid, NotFound, Refused
from projects.models import App, Artifact

_CHUNK = 1 << 20
# What a tar may be wrapped in: from the file's first chunk, the first block of what it holds.
_DECOMPRESS: tuple[Callable[[bytes], bytes], ...] = (
    lambda raw: raw,
    lambda raw: zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(raw, tarfile.BLOCKSIZE),
    lambda raw: bz2.BZ2Decompressor().decompress(raw, tarfile.BLOCKSIZE),
    lambda raw: lzma.LZMADecompressor(memlimit=1 << 27).decompress(raw, tarfile.BLOCKSIZE),
)
REF = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/@+-]{0,199}")


class TooLarge(Refused):
    code = "too-large"
    title = "Too large"
    http_status = 413


class NotStored(Conflict):
    code = "artifact-not-stored"


class NotFailed(Conflict):
    code = "artifact-not-failed"


@events.operation
def receive(*, by: Actor, app: App, stream: BinaryIO, filename: str, sha256: str = "") -> Artifact:
    """Store an uploaded archive (tar, tar.gz, tar.bz2, tar.xz or zip); its digest must be the one declared."""
    access.require_own(by, app.organization_id)
    access.require(by, Permission.RELEASE, project_id=app.project_id)
    apps.check_open(app)
    declared = sha256.strip().lower()
    if declared and not re.fullmatch(r"[0-9a-f]{64}", declared):
        raise Invalid.field("sha256", "must be 64 hexadecimal digits")
    partial, found, size = _write(stream)
    try:
        if declared and found != declared:
            raise Invalid.field("sha256", f"the file received has {found}; send it again")
        if not (zipfile.is_zipfile(partial) or _is_tar(partial)):
            raise Invalid.field("file", "must be a tar or zip archive")
        os.replace(partial, _home() / found)
    finally:
        partial.unlink(missing_ok=True)
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
    apps.check_open(app)
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


@events.operation
def keep_fetched(artifact: Artifact, *, by: Actor, path: Path, filename: str, commit: str) -> Artifact:
    """Store what a control run fetched (the file at `path` is moved) with its commit and digest."""
    with path.open("rb") as stream:
        partial, found, size = _write(stream)
    os.replace(partial, _home() / found)
    path.unlink(missing_ok=True)
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
    apps.check_open(artifact.app)
    if artifact.status != Artifact.Status.FAILED:
        raise NotFailed(f"The source is {artifact.get_status_display().lower()}; there is nothing to fetch again.")


def path(artifact: Artifact) -> Path:
    """Where a stored artifact's bytes lie; NotStored while they do not."""
    if artifact.status != Artifact.Status.STORED:
        raise NotStored(artifact.reason or "The artifact is not stored yet.")
    return _home() / artifact.sha256


def visible(actor: Actor) -> QuerySet[Artifact]:
    """The artifacts of the apps an actor may see, oldest first."""
    found = Artifact.objects.filter(organization=actor.organization).select_related("app")
    ids = actor.visible_projects
    return (found if ids is None else found.filter(app__project__in=ids)).order_by("created_at", "id")


def find(actor: Actor, ident: str | uuid.UUID) -> Artifact:
    try:
        found = visible(actor).filter(pk=uuid.UUID(str(ident))).first()
    except ValueError:
        found = None
    if found is None:
        raise NotFound("There is no such artifact.")
    return found


def _home() -> Path:
    directory: Path = settings.TOWPATH_HOME / "artifacts"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return directory


def _write(stream: BinaryIO) -> tuple[Path, str, int]:
    """Copy to a file beside its final place, so that the last step is one rename."""
    most: int = settings.TOWPATH_ARTIFACT_BYTES
    partial = _home() / f".{uuid.uuid4()}.partial"
    digest, size = hashlib.sha256(), 0
    try:
        with partial.open("xb") as file:
            while chunk := stream.read(_CHUNK):
                size += len(chunk)
                if size > most:
                    raise TooLarge(f"The file is larger than the limit of {most // (1 << 20)} MB.")
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return partial, digest.hexdigest(), size


def _is_tar(path: Path) -> bool:
    """By the first header alone, of which no more is decompressed: behind it there may be anything."""
    with path.open("rb") as file:
        beginning = file.read(_CHUNK)
    for decompress in _DECOMPRESS:
        with suppress(tarfile.TarError, OSError, EOFError, ValueError, zlib.error, lzma.LZMAError):
            tarfile.TarInfo.frombuf(decompress(beginning)[: tarfile.BLOCKSIZE], tarfile.ENCODING, "surrogateescape")
            return True
    return False


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
