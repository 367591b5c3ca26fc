"""People, chains, events and the document of the whole API."""

import json

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from environments import lifecycle
from environments.management.commands import openapi
from projects.models import AccessToken, Event, Organization
from tests import builders
from tests.doors.rest import ROOT, fields, get, is_problem, patch, post

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    return builders.cast()


@pytest.fixture
def admin(cast):
    return builders.rest(cast.admin)


# People


def test_a_member_is_added_with_a_grant_in_one_environment(cast, admin):
    environment = lifecycle.create(by=cast.admin, name="qa", provisioner="external")
    body = {"username": "newcomer", "password": builders.PASSWORD, "role": "operator"}
    made = post(admin, "/members", body | {"environment_id": str(environment.id)})
    assert made.status_code == 201
    assert made.json()["grants"] == [{"role": "operator", "project_id": None, "environment_id": str(environment.id)}]
    assert builders.PASSWORD not in made.content.decode()
    assert Client().login(username="newcomer", password=builders.PASSWORD)
    assert "newcomer" in [row["username"] for row in get(admin, "/members").json()]
    assert is_problem(post(admin, "/members", body), 409, "already-member")


def test_a_members_place_must_be_known(cast, admin):
    body = {"username": "x", "password": builders.PASSWORD, "role": "viewer"}
    foreign = builders.project(cast.stranger)
    assert is_problem(post(admin, "/members", body | {"project_id": str(foreign.id)}), 404)
    assert fields(post(admin, "/members", body | {"password": "short"})) == {"password"}
    assert fields(post(admin, "/members", body | {"role": "king"})) == {"role"}


def test_a_token_is_shown_once(cast, admin):
    made = post(admin, "/tokens", {"name": "ci", "role": "operator", "expires_at": "2099-01-01T00:00:00Z"})
    secret = made.json()["token"]
    assert (made.status_code, made["Cache-Control"]) == (201, "no-store")
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    assert get(client, "/projects").status_code == 200
    for path in ("/tokens", made["Location"].removeprefix(ROOT)):
        assert secret not in get(admin, path).content.decode()
    assert admin.delete(made["Location"]).status_code == 204
    assert is_problem(get(client, "/projects"), 401)
    assert is_problem(admin.get(made["Location"]), 404)


def test_a_tokens_places_must_be_known(cast, admin):
    foreign = lifecycle.create(by=cast.stranger, name="theirs", provisioner="external")
    body = {"name": "ci", "role": "viewer", "environment_ids": [str(foreign.id)]}
    assert is_problem(post(admin, "/tokens", body), 404)
    body = {"name": "ci", "role": "viewer", "project_ids": [str(builders.project(cast.stranger).id)]}
    assert is_problem(post(admin, "/tokens", body), 404)
    assert fields(post(admin, "/tokens", {"name": "ci", "role": "viewer", "expires_at": "2001-01-01T00:00:00Z"}))
    assert fields(post(admin, "/tokens", {"name": "ci", "role": "viewer", "project_ids": ["x"]})) == {"project_ids[0]"}


def test_a_token_sees_the_one_organization_it_was_made_in(cast):
    builders.organization(cast.owner.user)
    assert len(get(builders.rest(cast.owner), "/organizations").json()) == 1


# Projects


def test_the_default_project_is_made_when_it_is_asked_for(cast):
    viewer = builders.rest(cast.viewer)
    made = get(viewer, "/projects/default").json()
    assert (made["key"], get(viewer, "/projects/default").json()["id"]) == ("DEFAULT", made["id"])
    assert is_problem(builders.rest(cast.owner).delete(f"{ROOT}/projects/{made['id']}"), 409)


def test_a_project_may_be_restricted_to_one_environment(cast, admin):
    environment = lifecycle.create(by=cast.admin, name="qa", provisioner="external")
    made = post(admin, "/projects", {"key": "AB", "name": "x", "restrict_to_environment": "QA"}).json()
    assert made["restrict_to_environment"] == str(environment.id)
    path = f"/projects/{made['id']}"
    assert patch(admin, path, {"restrict_to_environment": None}).json()["restrict_to_environment"] is None
    assert is_problem(patch(admin, path, {"restrict_to_environment": "nothing"}), 404)


def test_a_project_has_no_policies_yet_and_counts_what_works_for_it(cast, admin):
    made = post(admin, "/projects", {"key": "AB", "name": "x", "policy_ids": []}).json()
    assert made["policy_ids"] == []
    assert (made["app_count"], made["team_count"], made["agent_count"]) == (0, 0, 0)
    assert fields(post(admin, "/projects", {"key": "CD", "name": "x", "policy_ids": ["one"]})) == {"policy_ids"}


def test_a_project_that_was_read_is_sent_back_after_its_only_environment_was_deleted(cast, admin):
    environment = lifecycle.create(by=cast.admin, name="sandbox")
    body = {"key": "AB", "name": "x", "restrict_to_environment": "sandbox"}
    made = post(admin, "/projects", body).json()
    lifecycle.delete(environment, by=cast.admin)
    assert patch(admin, f"/projects/{made['id']}", made | {"name": "y"}).json()["name"] == "y"


# Chains


def test_a_chain_is_made_with_the_environments_it_needs(cast, admin):
    stages = [{"name": "Dev", "environments": ["dev"]}, {"name": "Live", "environments": ["prod-us", "prod-eu"]}]
    body = {"name": "Way", "stages": stages}
    assert fields(post(admin, "/chains", body)) == {"stages[0].environments"}
    made = post(admin, "/chains", body | {"create_missing": True})
    assert (made.status_code, made.json()["stages"]) == (201, stages)
    assert len(get(admin, "/environments").json()) == 3
    assert is_problem(post(admin, "/chains", body), 409, "chain-exists")
    path = f"/chains/{made.json()['id']}"
    assert patch(admin, path, made.json()).json() == patch(admin, path, {}).json() == made.json()
    assert fields(patch(admin, path, {"name": None})) == {"name"}
    assert fields(patch(admin, path, {"stages": None})) == {"stages"}
    assert patch(admin, path, {"stages": stages[::-1]}).json()["stages"] == stages[::-1]
    assert get(admin, "/chains").json() == [get(admin, path).json()]
    assert fields(patch(admin, path, {"stages": [{"name": "x", "environments": [], "gate": 1}]})) == {"stages[0].gate"}
    assert admin.delete(f"{ROOT}{path}").status_code == 204


# Events


def test_events_are_read_ascending_and_from_where_one_was(cast, admin):
    builders.project(cast.admin, key="AB")
    environment = lifecycle.create(by=cast.admin, name="qa", provisioner="external")
    whole = get(admin, "/events").json()
    numbers = [int(event["id"].split("-")[1]) for event in whole]
    assert numbers == list(range(1, len(whole) + 1))
    assert [event["id"] for event in get(admin, f"/events?after={whole[2]['id']}").json()] == [
        event["id"] for event in whole[3:]
    ]
    paged, url = [], f"{ROOT}/events?limit=2"
    while url:
        answer = admin.get(url)
        paged += answer.json()
        url = answer["Link"].split(">")[0].lstrip("<") if answer.has_header("Link") else ""
    assert paged == whole
    here = get(admin, f"/environments/{environment.id}/events").json()
    assert {event["environment_id"] for event in here} == {str(environment.id)}
    assert (
        get(admin, "/events?environment=qa&kind=environment.created").json()[0]["sentence"] == "Environment qa created."
    )
    assert {event["kind"] for event in get(admin, "/events?kind=project").json()} == {"project.created"}
    assert {event["actor"] for event in get(admin, f"/events?actor={cast.admin.label}").json()} == {cast.admin.label}


def test_a_place_in_the_log_that_is_none_is_refused_and_an_old_epoch_is_gone(cast, admin):
    for mark in ("x", "1", "1-", "-1", "1-x", "1-1-1"):
        assert fields(get(admin, f"/events?after={mark}")) == {"after"}
    assert fields(get(admin, f"/events?after=1-{10**18}")) == {"after"}
    last = get(admin, "/events").json()[-1]["id"]
    assert get(admin, f"/events?after={last}").json() == []
    beyond = f"1-{int(last.split('-')[1]) + 1}"
    assert is_problem(get(admin, f"/events?after={beyond}"), 410, "reset")
    assert is_problem(get(admin, f"/events?cursor={beyond}"), 410, "reset")
    Organization.objects.filter(pk=cast.organization.pk).update(event_epoch=2)
    assert is_problem(get(admin, "/events?after=1-1"), 410, "reset")
    assert get(admin, "/events?after=2-1").status_code == 200


def test_the_events_of_one_environment_are_not_filtered_by_another(cast, admin):
    environment = lifecycle.create(by=cast.admin, name="qa", provisioner="external")
    assert fields(get(admin, f"/environments/{environment.id}/events?environment=staging")) == {"environment"}


# The document


def test_the_document_is_served_with_every_operation_and_no_later_one():
    served = Client().get(f"{ROOT}/openapi.json").json()
    assert served == json.loads(openapi.document())
    assert served["openapi"].startswith("3.1")
    assert {"/api/v1/environments", "/api/v1/apps/{id}/releases", "/api/v1/promotions"} <= set(served["paths"])
    assert not [path for path in served["paths"] if path.endswith("/webhooks") or "extension" in path]
    for path, operations in served["paths"].items():
        for method, operation in operations.items():
            assert "default" in operation["responses"], (method, path)
    names = [operation["operationId"] for operations in served["paths"].values() for operation in operations.values()]
    assert sorted(names) == sorted(set(names))


def test_every_address_of_the_api_asks_for_a_credential():
    open_doors = {"api/v1/openapi.json", "api/v1/docs", "api/v1/", "api/health", "api/health/detailed", "api/ready"}
    for path in api_paths():
        if path in open_doors:
            continue
        concrete = path.replace("<id>", "00000000-0000-0000-0000-000000000000")
        answers = {
            Client().generic(method, f"/{concrete}").status_code for method in ("GET", "POST", "PATCH", "DELETE")
        }
        assert answers <= {401, 404, 405}, (path, answers)


def api_paths(resolver: URLResolver | None = None, prefix: str = "") -> list[str]:
    found = []
    for pattern in (resolver or get_resolver()).url_patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            found.append(path)
        elif path.startswith("api/") or not prefix:
            found += api_paths(pattern, path)
    return [path for path in found if path.startswith("api/")]


def test_the_readable_document_loads_nothing_from_elsewhere():
    page = Client().get(f"{ROOT}/docs")
    assert page.status_code == 200
    assert "cdn" not in page.content.decode() and "https://" not in page.content.decode()


# Secrets


def test_no_answer_and_no_event_shows_a_credential(cast, admin):
    environment = lifecycle.create(by=cast.admin, name="qa", provisioner="external")
    shown = get(admin, f"/environments/{environment.id}/worker-command").json()["worker_token"]
    token = post(admin, "/tokens", {"name": "ci", "role": "viewer"}).json()["token"]
    post(admin, "/members", {"username": "newcomer", "password": builders.PASSWORD, "role": "viewer"})
    seen = str(list(Event.objects.values()))
    for path in ("/environments", f"/environments/{environment.id}", "/tokens", "/members", "/events", "/organizations",
                 "/workers", "/runs"):  # fmt: skip
        seen += get(admin, path).content.decode()
    digests = AccessToken.objects.values_list("digest", flat=True)
    for secret in (shown, token, builders.PASSWORD, "argon2", *digests):
        assert secret not in seen


def test_an_invitation_is_made_listed_and_revoked(cast, admin):
    made = post(admin, "/invitations", {"role": "operator", "email": "ada@example.org"})
    assert (made.status_code, made["Cache-Control"]) == (201, "no-store")
    url = made.json()["url"]
    assert Client().get(url).status_code == 200
    for path in ("/invitations", made["Location"].removeprefix(ROOT)):
        told = get(admin, path).content.decode()
        assert "ada@example.org" in told and url.rsplit("/", 1)[1] not in told
    assert get(builders.rest(cast.viewer), "/invitations").json() == []
    assert fields(post(admin, "/invitations", {"role": "viewer", "email": "nobody"})) == {"email"}
    assert is_problem(post(admin, "/invitations", {"role": "owner"}), 403)
    assert admin.delete(made["Location"]).status_code == 204
    assert is_problem(get(admin, made["Location"].removeprefix(ROOT)), 404)
    assert Client().get(url).status_code == 410
