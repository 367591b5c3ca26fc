"""Releases and artifacts over REST: cut once, uploaded with a digest, fetched from git by a control run."""

import hashlib

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from environments.models import Run
from projects.models import Artifact, Release
from tests import builders
from tests.doors.rest import ROOT, fields, get, is_problem, post
from tests.projects.test_releases_and_artifacts import archive

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    return builders.cast()


@pytest.fixture
def app(cast):
    return builders.app(cast.admin)


@pytest.fixture
def client(cast):
    return builders.rest(cast.operator)


def test_a_release_is_cut_from_yaml_or_from_an_object(client, app):
    text = post(client, f"/apps/{app.id}/releases", {"version": "1.0", "manifest": builders.MANIFEST, "notes": "First"})
    row = {"services": [{"name": "web", "run": "serve"}]}
    parsed = post(client, f"/apps/{app.id}/releases", {"version": "1.1", "manifest": row, "changes": ["a", "b"]})
    assert (text.status_code, parsed.status_code) == (201, 201)
    made = text.json()
    assert (made["version"], made["artifact"], made["live_in"], made["notes"]) == ("1.0", None, [], "First")
    assert made["manifest"]["services"][0]["health"] == {"type": "http", "path": "/", "within": 60}
    assert client.get(text["Location"]).json() == made
    assert [one["version"] for one in get(client, f"/releases?app={app.id}").json()] == ["1.1", "1.0"]
    assert [one["version"] for one in get(client, f"/releases?app={app.name}&version=1.0").json()] == ["1.0"]


def test_an_error_in_the_manifest_names_line_and_field(client, app):
    body = {"version": "1.0", "manifest": "steps:\n  - {name: a}\nservices: {}\n"}
    answer = post(client, f"/apps/{app.id}/releases", body)
    assert fields(answer) == {"manifest.steps[0].run", "manifest.services"}
    assert answer.json()["errors"][0] == {"field": "manifest.steps[0].run", "message": "line 2: is missing", "line": 2}
    required = {"version": "1.0", "manifest": {"steps": [{"name": "a", "run": "b"}], "requires": {"secrets": ["K-Y"]}}}
    assert fields(post(client, f"/apps/{app.id}/releases", required)) == {"manifest.requires.secrets[0]"}


def test_a_version_is_cut_once_and_a_wrong_one_never(client, app):
    body = {"version": "1.0", "manifest": builders.MANIFEST}
    assert post(client, f"/apps/{app.id}/releases", body).status_code == 201
    assert is_problem(post(client, f"/apps/{app.id}/releases", body), 409, "version-taken")
    for version in ("", "-1", "a b", "x" * 65):
        assert fields(post(client, f"/apps/{app.id}/releases", body | {"version": version})) == {"version"}


def test_an_archive_is_uploaded_and_becomes_a_release(client, app, settings, tmp_path):
    settings.TOWPATH_HOME = tmp_path
    content = archive()
    sent = {"file": SimpleUploadedFile("shop.tgz", content), "sha256": hashlib.sha256(content).hexdigest()}
    stored = client.post(f"{ROOT}/apps/{app.id}/artifacts", sent)
    assert stored.status_code == 201, stored.content
    artifact = stored.json()
    assert (artifact["status"], artifact["size"], artifact["filename"]) == ("stored", len(content), "shop.tgz")
    assert client.get(stored["Location"]).json() == artifact
    body = {"version": "1.0", "manifest": builders.MANIFEST, "artifact_id": artifact["id"]}
    assert post(client, f"/apps/{app.id}/releases", body).json()["artifact"] == artifact


def test_another_digest_is_422_and_a_large_file_413(client, app, settings, tmp_path):
    settings.TOWPATH_HOME = tmp_path
    path = f"{ROOT}/apps/{app.id}/artifacts"
    sent = {"file": SimpleUploadedFile("a.tgz", archive()), "sha256": "0" * 64}
    assert fields(client.post(path, sent)) == {"sha256"}
    assert fields(client.post(path, {"sha256": "0" * 64})) == {"file"}
    settings.TOWPATH_ARTIFACT_BYTES = 10
    assert is_problem(client.post(path, {"file": SimpleUploadedFile("a.tgz", archive())}), 413, "too-large")
    assert not Artifact.objects.exists()


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=", b"x"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n'
            b"Content-Transfer-Encoding: base64\r\n\r\n%%%%%\r\n--b--\r\n",
        ),
    ],
)
def test_a_form_that_cannot_be_read_is_400(client, app, media_type, body):
    for headers in ({}, {"Idempotency-Key": "k"}):
        answer = client.generic("POST", f"{ROOT}/apps/{app.id}/artifacts", body, media_type, headers=headers)
        assert is_problem(answer, 400, "malformed")


def test_an_unknown_field_of_a_form_is_named(client, app, settings, tmp_path):
    settings.TOWPATH_HOME = tmp_path
    sent = {"file": SimpleUploadedFile("a.tgz", archive()), "colour": "red", "other": SimpleUploadedFile("b", b"x")}
    assert fields(client.post(f"{ROOT}/apps/{app.id}/artifacts", sent)) == {"colour", "other"}
    assert not Artifact.objects.exists()


def test_an_upload_may_be_repeated_with_its_key(client, app, settings, tmp_path):
    settings.TOWPATH_HOME = tmp_path
    path = f"{ROOT}/apps/{app.id}/artifacts"
    one, two = (
        client.post(path, {"file": SimpleUploadedFile("a.tgz", archive())}, headers={"Idempotency-Key": "k"})
        for _ in range(2)
    )
    assert one.json() == two.json()
    assert Artifact.objects.count() == 1


def test_another_upload_of_the_same_name_and_size_is_not_taken_for_the_first(client, app, settings, tmp_path):
    settings.TOWPATH_HOME = tmp_path
    path = f"{ROOT}/apps/{app.id}/artifacts"
    content = archive()
    assert content[-1] != ord("x")
    answers = [
        client.post(path, {"file": SimpleUploadedFile("a.tgz", sent)}, headers={"Idempotency-Key": "k"})
        for sent in (content, content[:-1] + b"x")
    ]
    assert answers[0].status_code == 201
    assert is_problem(answers[1], 409, "idempotency-key-reused")
    stored = Artifact.objects.get()
    assert stored.sha256 == hashlib.sha256(content).hexdigest()


def test_a_git_source_is_fetched_by_a_control_run(client, app):
    git = {"url": "https://example.org/shop.git", "ref": "v1.0"}
    made = post(client, f"/apps/{app.id}/releases", {"version": "1.0", "manifest": builders.MANIFEST, "git": git})
    assert made.status_code == 201
    assert made.json()["artifact"]["status"] == "fetching"
    run = Run.objects.get(kind="fetch")
    assert (str(run.artifact_id), run.carried_by, run.phase) == (made.json()["artifact"]["id"], "control", "queued")


def test_a_refused_release_leaves_neither_artifact_nor_run(client, app):
    git = {"url": "https://example.org/shop.git", "ref": "v1.0"}
    body = {"version": "bad version", "manifest": builders.MANIFEST, "git": git}
    assert fields(post(client, f"/apps/{app.id}/releases", body)) == {"version"}
    body = {"version": "1.0", "manifest": builders.MANIFEST, "git": git | {"url": "file:///etc/passwd"}}
    assert fields(post(client, f"/apps/{app.id}/releases", body)) == {"git.url"}
    assert (Artifact.objects.count(), Run.objects.count(), Release.objects.count()) == (0, 0, 0)


def test_an_artifact_of_another_app_is_404(client, cast, app, settings, tmp_path):
    settings.TOWPATH_HOME = tmp_path
    stored = client.post(f"{ROOT}/apps/{app.id}/artifacts", {"file": SimpleUploadedFile("a.tgz", archive())}).json()
    body = {"version": "1.0", "manifest": builders.MANIFEST, "artifact_id": stored["id"]}
    assert is_problem(post(client, f"/apps/{builders.app(cast.admin).id}/releases", body), 404)
    both = body | {"git": {"url": "https://example.org/a.git", "ref": "main"}}
    assert fields(post(client, f"/apps/{app.id}/releases", both)) == {"git"}


def test_an_archived_app_takes_no_release(cast, app):
    admin = builders.rest(cast.admin)
    assert admin.delete(f"{ROOT}/apps/{app.id}").status_code == 204
    assert get(admin, f"/apps/{app.id}").json()["archived_at"]
    assert get(admin, "/apps").json() == []
    assert [row["id"] for row in get(admin, "/apps?archived=true").json()] == [str(app.id)]
    body = {"version": "1.0", "manifest": builders.MANIFEST}
    assert is_problem(post(admin, f"/apps/{app.id}/releases", body), 409, "archived")


def test_a_restored_app_takes_releases_again(cast, app):
    admin, path = builders.rest(cast.admin), f"/apps/{app.id}/restoration"
    admin.delete(f"{ROOT}/apps/{app.id}")
    body = {"reason": "the fog lifts"}

    restored = post(admin, path, body)

    assert (restored.status_code, restored.json()["archived_at"]) == (200, None)
    assert [row["id"] for row in get(admin, "/apps").json()] == [str(app.id)]
    assert get(admin, "/apps?archived=true").json() == []
    assert post(admin, f"/apps/{app.id}/releases", {"version": "1.0", "manifest": builders.MANIFEST}).status_code == 201
    # Once more, nothing changes and nothing is told.
    assert post(admin, path, body).json() == restored.json()
    (told,) = get(admin, "/events?kind=app.restored").json()
    assert told["sentence"] == f"App {app.name} restored: the fog lifts."
