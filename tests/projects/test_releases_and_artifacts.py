"""Releases never change; artifacts are what they were declared to be."""

import gzip
import hashlib
import io
import os
import tarfile
import tracemalloc
import uuid
import zipfile

import pytest
from django.db import DatabaseError, transaction

from projects import archives, artifacts, releases
from projects.errors import Conflict, Invalid, NotAllowed, NotFound, TooLarge
from projects.models import Artifact, Release
from tests import builders
from tests.projects.falling import deadlock_once

pytestmark = pytest.mark.django_db


def archive(name: str = "app.py", content: bytes = b"print('hello')") -> bytes:
    buffer = io.BytesIO()
    # The same bytes each time: gzip would write down when it was.
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def test_a_release_keeps_its_manifest_in_the_checked_form():
    cast = builders.cast()
    release = builders.release(cast.operator, builders.app(cast.admin), "1.0", changes=["First"], commit="abc123")
    assert release.manifest["services"][0]["name"] == "web"
    assert release.changes == ["First"]
    assert release.created_by == cast.operator.label


def test_a_version_is_cut_once_in_an_app():
    cast = builders.cast()
    app = builders.app(cast.admin)
    builders.release(cast.operator, app, "1.0")
    with pytest.raises(Conflict):
        builders.release(cast.operator, app, "1.0")
    builders.release(cast.operator, builders.app(cast.admin), "1.0")


@pytest.mark.parametrize("version", ["", "-1", "1 0", "v" * 65, "1.0\n", "ö", "../x"])
def test_a_version_that_is_none_is_refused(version):
    cast = builders.cast()
    with pytest.raises(Invalid) as caught:
        releases.cut(by=cast.operator, app=builders.app(cast.admin), version=version, manifest=builders.MANIFEST)
    assert caught.value.errors[0]["field"] == "version"


def test_the_database_refuses_to_change_or_delete_a_release():
    cast = builders.cast()
    release = builders.release(cast.operator, builders.app(cast.admin))
    for change in (
        lambda: Release.objects.filter(pk=release.pk).update(notes="changed"),
        lambda: Release.objects.filter(pk=release.pk).delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


def test_a_viewer_cuts_nothing_and_a_stranger_sees_nothing():
    cast = builders.cast()
    app = builders.app(cast.admin)
    with pytest.raises(NotAllowed):
        builders.release(cast.viewer, app)
    release = builders.release(cast.operator, app)
    with pytest.raises(NotFound):
        releases.find(cast.stranger, release.id)
    with pytest.raises(NotFound):
        builders.release(cast.stranger, app)


def test_releases_are_numbered_in_the_order_they_were_cut():
    cast = builders.cast()
    app = builders.app(cast.admin)
    cut = [builders.release(cast.operator, app) for _ in range(3)]
    assert [release.serial for release in cut] == [1, 2, 3]
    assert list(releases.visible(cast.viewer)) == cut[::-1]


# Artifacts


def test_an_upload_is_stored_by_its_digest(settings, tmp_path):
    settings.TOWPATH_HOME = tmp_path
    cast = builders.cast()
    content = archive()
    digest = hashlib.sha256(content).hexdigest()
    artifact = artifacts.receive(
        by=cast.operator,
        app=builders.app(cast.admin),
        stream=io.BytesIO(content),
        filename="../../etc/shop 1.tar.gz",
        sha256=digest.upper(),
    )
    assert (artifact.status, artifact.sha256, artifact.size) == ("stored", digest, len(content))
    assert artifact.filename == "shop_1.tar.gz"
    assert artifacts.path(artifact).read_bytes() == content


def test_a_zip_is_an_archive_too(settings, tmp_path):
    settings.TOWPATH_HOME = tmp_path
    cast = builders.cast()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("a.txt", "a")
    buffer.seek(0)
    assert artifacts.receive(by=cast.operator, app=builders.app(cast.admin), stream=buffer, filename="a.zip").size


@pytest.mark.parametrize(
    ("content", "sha256", "field"),
    [
        (archive(), "0" * 64, "sha256"),
        (archive(), "nonsense", "sha256"),
        (b"not an archive", "", "file"),
        (b"", "", "file"),
    ],
)
def test_another_digest_or_no_archive_is_refused_and_nothing_is_left(settings, tmp_path, content, sha256, field):
    settings.TOWPATH_HOME = tmp_path
    cast = builders.cast()
    with pytest.raises(Invalid) as caught:
        artifacts.receive(
            by=cast.operator, app=builders.app(cast.admin), stream=io.BytesIO(content), filename="a", sha256=sha256
        )
    assert caught.value.errors[0]["field"] == field
    assert not [*(tmp_path / "artifacts").iterdir()] if (tmp_path / "artifacts").exists() else True
    assert not Artifact.objects.exists()


@pytest.mark.parametrize("packed", ["", "gz", "bz2", "xz"])
def test_a_tar_is_known_however_it_is_packed(settings, tmp_path, packed):
    settings.TOWPATH_HOME = tmp_path
    cast = builders.cast()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=f"w:{packed}") as file:
        file.addfile(tarfile.TarInfo("a.txt"))
    buffer.seek(0)
    assert artifacts.receive(by=cast.operator, app=builders.app(cast.admin), stream=buffer, filename="a.tar").size


def test_of_an_archive_no_more_is_unpacked_than_its_first_block(settings, tmp_path):
    settings.TOWPATH_HOME = tmp_path
    cast = builders.cast()
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 200_000_000
    bomb = gzip.compress(header.tobuf() + bytes(header.size), compresslevel=9)
    tracemalloc.start()
    artifacts.receive(by=cast.operator, app=builders.app(cast.admin), stream=io.BytesIO(bomb), filename="a.tar.gz")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 20_000_000


def test_a_file_above_the_limit_is_refused_and_nothing_is_left(settings, tmp_path):
    settings.TOWPATH_HOME, settings.TOWPATH_ARTIFACT_BYTES = tmp_path, 100
    cast = builders.cast()
    with pytest.raises(TooLarge):
        artifacts.receive(by=cast.operator, app=builders.app(cast.admin), stream=io.BytesIO(b"x" * 101), filename="a")
    assert not [*(tmp_path / "artifacts").iterdir()]


def test_an_artifact_of_another_app_makes_no_release(settings, tmp_path):
    settings.TOWPATH_HOME = tmp_path
    cast = builders.cast()
    artifact = artifacts.receive(
        by=cast.operator, app=builders.app(cast.admin), stream=io.BytesIO(archive()), filename="a.tgz"
    )
    with pytest.raises(NotFound):
        builders.release(cast.operator, builders.app(cast.admin), artifact=artifact)
    builders.release(cast.operator, artifact.app, artifact=artifact)


@pytest.mark.parametrize(
    ("url", "ref", "field"),
    [
        ("http://example.org/a.git", "main", "git.url"),
        ("file:///etc/passwd", "main", "git.url"),
        ("https://user:secret@example.org/a.git", "main", "git.url"),
        ("https://", "main", "git.url"),
        ("https://example.org/a b", "main", "git.url"),
        ("https://[bad/a.git", "main", "git.url"),
        ("https://ex\u2100mple.com/a.git", "main", "git.url"),
        ("https://example.org:99999/a.git", "main", "git.url"),
        ("--upload-pack=evil", "main", "git.url"),
        ("https://example.org/a.git", "--upload-pack=evil", "git.ref"),
        ("https://example.org/a.git", "a..b", "git.ref"),
        ("https://example.org/a.git", "", "git.ref"),
    ],
)
def test_a_git_source_is_https_and_its_ref_no_option(url, ref, field):
    cast = builders.cast()
    with pytest.raises(Invalid) as caught:
        artifacts.ask_git(by=cast.operator, app=builders.app(cast.admin), url=url, ref=ref)
    assert caught.value.errors[0]["field"] == field


def test_a_fetched_source_is_stored_with_its_commit(settings, tmp_path):
    settings.TOWPATH_HOME = tmp_path
    cast = builders.cast()
    artifact = artifacts.ask_git(
        by=cast.operator, app=builders.app(cast.admin), url="https://example.org/a.git", ref="v1"
    )
    with pytest.raises(artifacts.NotStored):
        artifacts.path(artifact)
    fetched = tmp_path / f"{uuid.uuid4()}.tar"
    fetched.write_bytes(archive())
    artifacts.keep_fetched(artifact, by=cast.operator, path=fetched, filename="a.tar.gz", commit="c" * 40)
    assert artifact.sha256 == hashlib.sha256(artifacts.path(artifact).read_bytes()).hexdigest()
    assert artifact.git_commit == "c" * 40
    assert not fetched.exists()


def test_a_fetched_source_is_stored_although_a_deadlock_makes_it_be_done_again(settings, tmp_path, monkeypatch):
    settings.TOWPATH_HOME = tmp_path
    cast = builders.cast()
    artifact = artifacts.ask_git(
        by=cast.operator, app=builders.app(cast.admin), url="https://example.org/a.git", ref="v1"
    )
    fetched = tmp_path / "source.tar.gz"
    fetched.write_bytes(archive())
    fallen = deadlock_once(monkeypatch, artifacts, "_record")
    kept = artifacts.keep_fetched(artifact, by=cast.operator, path=fetched, filename="a.tar.gz", commit="c" * 40)
    assert fallen and artifacts.path(kept).read_bytes() == archive()
    assert [*(tmp_path / "artifacts").iterdir()] == [artifacts.path(kept)]
    assert not fetched.exists()


def test_what_nobody_will_ask_for_any_more_is_swept_once_it_is_old(settings, tmp_path):
    settings.TOWPATH_HOME = tmp_path
    cast = builders.cast()
    stored = artifacts.receive(
        by=cast.operator, app=builders.app(cast.admin), stream=io.BytesIO(archive()), filename="a.tgz"
    )
    home = tmp_path / "artifacts"
    left = [home / f".{uuid.uuid4()}.partial", home / hashlib.sha256(b"rolled back").hexdigest()]
    for file in left:
        file.write_bytes(b"x")
    assert artifacts.sweep() == 0
    for file in (*left, artifacts.path(stored)):
        os.utime(file, (0, 0))
    fresh = home / f".{uuid.uuid4()}.partial"
    fresh.write_bytes(b"x")
    assert artifacts.sweep() == 2
    assert {*home.iterdir()} == {artifacts.path(stored), fresh}


def test_bytes_that_come_again_as_they_are_swept_stay(settings, tmp_path):
    settings.TOWPATH_HOME = tmp_path
    came = archives.home() / "came-again"
    came.write_bytes(b"x")
    archives.remove(came, before=came.stat().st_mtime - 1)
    assert [*archives.home().iterdir()] == [came]
