"""A full disk is told in a sentence at every door, keeps nothing by halves, and holds no place."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError, connection
from django.test import Client
from django.urls import reverse

from config import refusals
from environments.views import copies
from projects import archives
from projects.models import Artifact, Release
from tests import builders
from tests.doors.rest import is_problem
from tests.doors.test_log_download import run_with_a_log
from tests.doors.visiting import signed_in
from tests.doors.web import web
from tests.environments import house as houses

MANIFEST = "steps: [{name: look, run: ls}]"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a megabyte, of which nothing is used."""
    disk = tmp_path / "small"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=755", "towpath", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this machine lets us mount nothing")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def used(disk: Path) -> int:
    found = os.statvfs(disk)
    return (found.f_blocks - found.f_bfree) * found.f_frsize


def test_an_upload_that_the_disk_cannot_take_in_is_refused_at_once(
    server_environment: dict[str, str], small_disk: Path
) -> None:
    owner = builders.cast().owner
    app = builders.app(owner)
    with web({**server_environment, "TMPDIR": str(small_disk)}) as server:
        answer = httpx.post(
            f"{server.url}/api/v1/apps/{app.id}/artifacts",
            headers={"Authorization": f"Bearer {builders.grant_token(owner)}"},
            files={"file": ("a.tar", b"x" * 5_000_000)},
            timeout=20,
        )
        left = used(small_disk)

    assert (answer.status_code, answer.json()["detail"]) == (507, refusals.FULL_SENTENCE)
    assert left == 0


@pytest.mark.django_db
@pytest.mark.parametrize("size", [3_000_000, 1_050_000])  # the last one fails when it is closed, or behind it
def test_an_archive_that_the_disk_cannot_keep_leaves_nothing(settings, small_disk: Path, size: int) -> None:
    settings.TOWPATH_HOME = small_disk
    owner = builders.cast().owner
    app = builders.app(owner)
    empty = used(small_disk)
    content = os.urandom(size)
    form = {"version": "1.0", "manifest": MANIFEST}
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(owner.user)
    address = f"/apps/{app.id}/releases/new"
    form["csrfmiddlewaretoken"] = browser.get(address).context["csrf_token"]

    told = builders.rest(owner).post(
        f"/api/v1/apps/{app.id}/artifacts",
        {"file": SimpleUploadedFile("a.tar", content)},
        headers={"Idempotency-Key": builders.name("key")},
    )
    shown = browser.post(address, {**form, "archive": SimpleUploadedFile("a.tar", content)})

    assert is_problem(told, 507, "disk-full")
    assert shown.status_code == 507 and refusals.FULL_SENTENCE in shown.content.decode()
    assert not Artifact.objects.exists() and not Release.objects.exists()
    assert not [*archives.home().iterdir()] and used(small_disk) <= empty + 4096


@pytest.mark.django_db
def test_logs_and_exports_that_the_disk_cannot_hold_are_refused_and_hold_no_place(
    monkeypatch: pytest.MonkeyPatch, small_disk: Path
) -> None:
    house = houses.house()
    run = run_with_a_log(house, lines=150)
    client = signed_in(house.owner)
    monkeypatch.setattr("tempfile.tempdir", str(small_disk))

    for _ in range(copies.OF_ONE + 1):
        refused = client.get(reverse("run-log", args=[run.id]))
        assert refused.status_code == 507 and refusals.FULL_SENTENCE in refused.content.decode()
        with pytest.raises(OSError), copies.written(reader=house.owner.label, what="exports") as copy:
            copy.write(bytes((1 << 20) + 1))  # what is left of it fails at its end
    assert used(small_disk) == 0 and not copies._held[house.owner.label]


@pytest.mark.django_db
def test_a_full_disk_of_the_database_is_not_told_as_its_silence() -> None:
    with pytest.raises(OperationalError) as raised, connection.cursor() as cursor:
        cursor.execute("DO $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$")

    refusal = refusals.of(raised.value)

    assert refusal is not None
    assert (refusals.status(refusal), refusal.detail) == (507, refusals.FULL_SENTENCE)
