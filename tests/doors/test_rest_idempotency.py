"""A POST with an Idempotency-Key happens once, whoever repeats it and whenever."""

import hashlib
import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import orjson
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.utils import timezone

from projects import artifacts, batches, lifecycle, tokens
from projects.models import AccessToken, Event, IdempotentAnswer, Project
from projects.rest import idempotency
from tests import builders
from tests.doors.rest import fields, get, is_problem, post
from tests.projects.falling import deadlock_once
from tests.projects.test_releases_and_artifacts import archive

BODY = {"key": "AB", "name": "x"}


@pytest.mark.django_db
def test_the_same_request_gets_the_first_answer_again():
    client = builders.rest(builders.cast().owner)
    first = post(client, "/projects", BODY, Idempotency_Key="one")
    again = post(client, "/projects", BODY, Idempotency_Key="one")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again["Location"] == first["Location"]
    assert (again["Idempotency-Replayed"], first.has_header("Idempotency-Replayed")) == ("true", False)
    assert Project.objects.count() == 1


@pytest.mark.django_db
def test_another_body_with_the_same_key_is_refused():
    client = builders.rest(builders.cast().owner)
    post(client, "/projects", BODY, Idempotency_Key="one")
    assert is_problem(
        post(client, "/projects", BODY | {"name": "y"}, Idempotency_Key="one"), 409, "idempotency-key-reused"
    )


@pytest.mark.django_db
def test_of_a_body_no_digest_is_kept_from_which_it_could_be_found_by_trying():
    post(builders.rest(builders.cast().owner), "/projects", BODY, Idempotency_Key="one")

    kept = IdempotentAnswer.objects.values().get()
    plain = {hashlib.sha256(orjson.dumps(BODY)).hexdigest(), hashlib.sha256(json.dumps(BODY).encode()).hexdigest()}
    assert not plain & {str(value) for value in kept.values()}


@pytest.mark.django_db
def test_a_key_belongs_to_one_actor_and_one_path():
    cast = builders.cast()
    project = builders.project(cast.owner)
    one, other = builders.rest(cast.owner), builders.rest(cast.stranger)
    assert post(one, "/projects", BODY, Idempotency_Key="k").status_code == 201
    assert post(other, "/projects", BODY, Idempotency_Key="k").status_code == 201
    body = {"project_id": str(project.id), "name": "shop"}
    assert post(one, "/apps", body, Idempotency_Key="k").status_code == 201


@pytest.mark.django_db
def test_a_key_does_not_pass_to_the_next_token_of_the_same_name():
    owner = builders.cast().owner
    client = {}
    for role in ("owner", "viewer"):
        token, secret = tokens.create(by=owner, name="ci", role=role)
        client[role] = Client(headers={"Authorization": f"Bearer {secret.reveal()}"})
        if role == "owner":
            assert post(client[role], "/projects", BODY, Idempotency_Key="one").status_code == 201
            tokens.revoke(token, by=owner)
    assert is_problem(post(client["viewer"], "/projects", BODY, Idempotency_Key="one"), 403)


@pytest.mark.django_db
def test_a_refusal_is_not_kept_and_the_key_may_be_tried_again():
    cast = builders.cast()
    client = builders.rest(cast.owner)
    taken = builders.project(cast.owner, key="AB")
    assert is_problem(post(client, "/projects", BODY, Idempotency_Key="k"), 409, "key-taken")
    lifecycle.delete(taken, by=cast.owner)
    assert post(client, "/projects", BODY, Idempotency_Key="k").status_code == 201
    assert IdempotentAnswer.objects.count() == 1


@pytest.mark.django_db
def test_a_credential_shown_once_is_neither_kept_nor_shown_again():
    client = builders.rest(builders.cast().owner)
    body = {"name": "ci", "role": "viewer"}
    secret = post(client, "/tokens", body, Idempotency_Key="k").json()["token"]
    again = post(client, "/tokens", body, Idempotency_Key="k")
    assert is_problem(again, 409, "shown-once")
    assert again.json()["location"].startswith("/api/v1/tokens/")
    assert secret not in str(list(IdempotentAnswer.objects.values()))
    assert AccessToken.objects.filter(name="ci").count() == 1


@pytest.mark.django_db
def test_a_key_is_forgotten_after_a_day():
    client = builders.rest(builders.cast().owner)
    post(client, "/projects", BODY, Idempotency_Key="k")
    IdempotentAnswer.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert post(client, "/projects", {"key": "CD", "name": "y"}, Idempotency_Key="k").status_code == 201


@pytest.mark.django_db
def test_answers_that_are_not_repeated_any_more_are_deleted_some_at_a_time(monkeypatch, django_assert_num_queries):
    now = timezone.now()
    ages = [timedelta(hours=hours) for hours in (23, 25, 26, 27, 28, 29)]
    rows = [IdempotentAnswer(key=str(n), created_at=now - age) for n, age in enumerate(ages)]
    IdempotentAnswer.objects.bulk_create(rows)
    monkeypatch.setattr(batches, "SIZE", 2)
    with django_assert_num_queries(3):
        assert idempotency.forget() == 5
    assert IdempotentAnswer.objects.get().key == "0"


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 201, "ä"])
def test_a_key_that_is_none_is_refused(key):
    client = builders.rest(builders.cast().owner)
    assert fields(post(client, "/projects", BODY, Idempotency_Key=key)) == {"Idempotency-Key"}


@pytest.mark.django_db
def test_a_key_without_a_valid_token_is_401():
    assert is_problem(post(Client(), "/projects", BODY, Idempotency_Key="k"), 401)


@pytest.mark.django_db
def test_a_get_pays_no_attention_to_a_key():
    client = builders.rest(builders.cast().owner)
    assert get(client, "/projects", Idempotency_Key="k").status_code == 200
    assert not IdempotentAnswer.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_twins_at_the_same_moment_one_acts_and_the_others_are_told():
    client_headers = {"Authorization": f"Bearer {builders.grant_token(builders.cast().owner)}"}
    together = threading.Barrier(8)

    def ask(n: int):
        try:
            together.wait(10)
            return post(Client(headers=client_headers), "/projects", BODY, Idempotency_Key="k")
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))
    assert Project.objects.count() == 1
    assert Event.objects.filter(kind="project.created").count() == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    made = [answer.json() for answer in answers if answer.status_code == 201]
    assert made and all(one == made[0] for one in made)
    assert all(one.json()["code"] == "twin-in-flight" for one in answers if one.status_code == 409)


@pytest.mark.django_db(transaction=True)
def test_a_twin_of_a_request_in_flight_is_told_so_and_does_not_wait():
    client_headers = {"Authorization": f"Bearer {builders.grant_token(builders.cast().owner)}"}
    begun, end = threading.Event(), threading.Event()
    create = lifecycle.create

    def slowly(**fields):
        made = create(**fields)
        begun.set()
        end.wait(10)
        return made

    def first():
        try:
            return post(Client(headers=client_headers), "/projects", BODY, Idempotency_Key="k")
        finally:
            connection.close()

    with pytest.MonkeyPatch.context() as patched, ThreadPoolExecutor(1) as pool:
        patched.setattr(lifecycle, "create", slowly)
        answer = pool.submit(first)
        assert begun.wait(10)
        twin = post(Client(headers=client_headers), "/projects", BODY, Idempotency_Key="k")
        end.set()
        assert is_problem(twin, 409, "twin-in-flight")
        assert answer.result(10).status_code == 201
    assert post(Client(headers=client_headers), "/projects", BODY, Idempotency_Key="k").status_code == 201


@pytest.mark.django_db(transaction=True)
def test_a_deadlock_is_tried_again_within_the_one_operation_of_the_key():
    client = Client(headers={"Authorization": f"Bearer {builders.grant_token(builders.cast().owner)}"})
    with pytest.MonkeyPatch.context() as patched:
        fallen = deadlock_once(patched, lifecycle, "create")
        assert post(client, "/projects", BODY, Idempotency_Key="k").status_code == 201
    assert fallen and Project.objects.count() == 1


@pytest.fixture
def upload(settings, tmp_path):
    """Sends an archive, each time with the same key."""
    settings.TOWPATH_HOME = tmp_path
    cast = builders.cast()
    path = f"/api/v1/apps/{builders.app(cast.owner).id}/artifacts"
    client = builders.rest(cast.owner)
    return lambda content: client.post(
        path, {"file": SimpleUploadedFile("a.tgz", content)}, headers={"Idempotency-Key": "k"}
    )


@pytest.mark.django_db(transaction=True)
def test_an_upload_is_stored_although_a_deadlock_makes_it_be_done_again(upload, tmp_path, monkeypatch):
    fallen = deadlock_once(monkeypatch, artifacts, "_record")
    made = upload(archive())
    assert made.status_code == 201 and fallen
    assert [file.name for file in (tmp_path / "artifacts").iterdir()] == [made.json()["sha256"]]
    assert upload(archive())["Idempotency-Replayed"] == "true"
    assert is_problem(upload(archive(content=b"another")), 409, "idempotency-key-reused")
    assert [file.name for file in (tmp_path / "artifacts").iterdir()] == [made.json()["sha256"]]


@pytest.mark.django_db(transaction=True)
def test_an_upload_to_a_slow_disk_keeps_no_transaction_open(upload, settings, monkeypatch):
    settings.TOWPATH_BODY_BYTES = 10
    sync = os.fsync
    slow = []

    def slowly(file: int) -> None:
        if not slow:
            slow.append(file)
            time.sleep(0.5)
        sync(file)

    monkeypatch.setattr(os, "fsync", slowly)
    with connection.cursor() as cursor:
        cursor.execute("SET idle_in_transaction_session_timeout = 200")
    assert upload(archive()).status_code == 201 and slow
    connection.close()
