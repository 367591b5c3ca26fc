"""An artifact is fetched, checked and unpacked before the steps see it."""

import hashlib
import io
import os
import resource
import tarfile
import uuid

import pytest

from tests.towpath.conftest import a_control_plane, a_site, deployment
from tests.towpath.test_deploying import directories


@pytest.fixture(scope="module")
def control_plane():
    with a_control_plane() as control_plane:
        yield control_plane


@pytest.fixture(scope="module")
def site(tmp_path_factory, control_plane):
    """One for all tests here: each has an app of its own, and none hurts the worker."""
    with a_site(tmp_path_factory.mktemp("site"), control_plane) as site:
        yield site


def packed(**files: str) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return content.getvalue()


def submitted(control_plane, content: bytes, **more) -> dict:
    artifact = str(uuid.uuid4())
    control_plane.artifacts[artifact] = content
    told = {"id": artifact, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "filename": "a.tar.gz"}
    told |= {"url": f"/api/v1/artifacts/{artifact}/content"} | more
    steps = [{"n": 1, "name": "show", "run": "cat greeting", "timeout": 60}]
    run = control_plane.submit(deployment(str(uuid.uuid4()), "1.0", steps=steps, services=[], artifact=told))
    return {**control_plane.wait(run), "run": run}


def test_the_steps_find_what_was_packed(site, control_plane):
    record = submitted(control_plane, packed(greeting="hello\n"))

    assert record["phase"] == "succeeded", record
    assert "hello" in control_plane.lines(record["run"])


def test_an_artifact_that_is_not_the_one_named_is_refused(site, control_plane):
    record = submitted(control_plane, packed(greeting="hello\n"), sha256="0" * 64)

    assert record["phase"] == "errored"
    assert "SHA-256" in record["conclusion"]["reason"]


def test_an_artifact_that_reaches_outside_fails_with_a_sentence(site, control_plane):
    record = submitted(control_plane, packed(**{"../greeting": "hello\n"}))

    assert record["phase"] == "failed"
    assert "leads outside" in record["conclusion"]["reason"]
    assert directories(site, record["specification"]["app"]["id"]) == []


def test_an_artifact_that_this_machine_cannot_keep_ends_the_run_with_a_sentence(site, control_plane):
    kept = resource.prlimit(site.worker.pid, resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    try:
        record = submitted(control_plane, os.urandom(200_000))
    finally:
        resource.prlimit(site.worker.pid, resource.RLIMIT_FSIZE, kept)

    assert (record["phase"], record["attempt"]) == ("errored", 1)
    assert "could not be kept on this machine: File too large" in record["conclusion"]["reason"]


def test_an_artifact_that_is_no_archive_fails_with_a_sentence(site, control_plane):
    record = submitted(control_plane, b"just some bytes")

    assert record["phase"] == "failed"
    assert "not unpacked" in record["conclusion"]["reason"]
