"""The first run makes what a newcomer needs, once, and tells it to nobody else."""

import dataclasses
import json
import uuid

import pytest
from django.conf import settings as current
from django.core.management import call_command
from django.test import Client

from environments.management.commands import first_run
from environments.models import Environment, Run
from projects import organizations
from projects.models import AccessToken, Membership, Organization, User
from tests.doors.rest import get

pytestmark = pytest.mark.django_db


@pytest.fixture
def record(settings, tmp_path):
    settings.TOWPATH_HOME = tmp_path
    settings.TOWPATH_PUBLIC_URL = ""
    settings.TOWPATH_BIND = "127.0.0.1:8123"
    return tmp_path / "first-run.json"


def test_it_makes_an_owner_who_can_sign_in_and_a_token_that_works(record):
    call_command("first_run")
    told = json.loads(record.read_text())
    assert told["url"] == "http://127.0.0.1:8123"
    assert record.stat().st_mode & 0o777 == 0o600
    assert Client().login(username=told["username"], password=told["password"])
    client = Client(headers={"Authorization": f"Bearer {told['access_token']}"})
    assert [row["name"] for row in get(client, "/environments").json()] == ["default"]
    assert Run.objects.get().kind == "provision"
    assert Membership.objects.get().grants.get().role == "owner"
    assert Organization.objects.get().name == "Main"  # Not the product's name, which stands beside it on each page.


def test_a_second_time_it_changes_nothing_but_the_address(record, settings):
    call_command("first_run")
    before = json.loads(record.read_text())
    settings.TOWPATH_PUBLIC_URL = "https://towpath.example"
    call_command("first_run")
    assert json.loads(record.read_text()) == before | {"url": "https://towpath.example"}
    counts = [model.objects.count() for model in (Organization, User, AccessToken, Environment)]
    assert counts == [1, 1, 1, 1]


def test_what_was_interrupted_is_made_whole_the_next_time(record, monkeypatch):
    def interrupted(**fields):
        create(**fields)
        raise KeyboardInterrupt

    create = organizations.create
    monkeypatch.setattr(first_run.organizations, "create", interrupted)
    with pytest.raises(KeyboardInterrupt):
        call_command("first_run")
    assert not User.objects.exists() and not record.exists()
    monkeypatch.setattr(first_run.organizations, "create", create)
    call_command("first_run")
    assert Organization.objects.count() == 1 and record.exists()


@pytest.mark.parametrize(("id", "provisioner"), [("", "external"), (str(uuid.UUID(int=7)), "process")])
def test_the_first_environment_is_here_only_where_something_can_be_provisioned(record, settings, id, provisioner):
    settings.INSTALLATION = dataclasses.replace(settings.INSTALLATION, id=id)
    call_command("first_run")
    assert Environment.objects.get().provisioner == provisioner


def test_nobody_is_made_whose_password_could_not_be_written_down(record, settings, tmp_path):
    settings.TOWPATH_HOME = tmp_path / "missing"
    with pytest.raises(FileNotFoundError):
        call_command("first_run")
    assert not User.objects.exists() and not Organization.objects.exists()


def test_the_password_is_kept_as_a_hash_and_the_token_as_a_digest(record):
    call_command("first_run")
    told = json.loads(record.read_text())
    kept = str(list(User.objects.values())) + str(list(AccessToken.objects.values()))
    assert told["password"] not in kept and told["access_token"] not in kept
    assert current.PASSWORD_HASHERS[-1].endswith("Argon2PasswordHasher")
