"""Roles x endpoints: a stranger sees nothing, a viewer reads, an operator releases, an admin manages."""

import uuid
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from environments import lifecycle as environments
from environments.delivery import chains
from projects import tokens
from projects.models import Role
from tests import builders
from tests.doors.rest import ROOT, fields, get, is_problem, post

pytestmark = pytest.mark.django_db
ROLES = ("viewer", "operator", "admin", "owner")
FROM = {"viewer": set(ROLES), "operator": set(ROLES[1:]), "admin": set(ROLES[2:]), "owner": {"owner"}}


@pytest.fixture
def place():
    """One of each thing in an organization, and everybody's client."""

    class Place:
        cast = builders.cast()
        app = builders.app(cast.owner)
        release = builders.release(cast.owner, app)
        environment = environments.create(by=cast.owner, name="qa", provisioner="external")
        spare = environments.create(by=cast.owner, name="spare", provisioner="external")
        chain = chains.create(by=cast.owner, name="Chain", stages=[{"name": "QA", "environments": ["qa"]}])
        token, _ = tokens.create(by=cast.owner, name="ci", role=Role.VIEWER)
        member = cast.viewer.user.memberships.get()

    Place.client = {role: builders.rest(getattr(Place.cast, role)) for role in (*ROLES, "stranger")}
    return Place


def reads(place) -> list[str]:
    return [
        f"/projects/{place.app.project_id}",
        f"/apps/{place.app.id}",
        f"/releases/{place.release.id}",
        f"/environments/{place.environment.id}",
        f"/environments/{place.environment.id}/events",
        f"/environments/{place.environment.id}/logs",
        f"/chains/{place.chain.id}",
        f"/tokens/{place.token.id}",
        f"/members/{place.member.id}",
        f"/organizations/{place.cast.organization.id}",
        f"/apps?project={place.app.project_id}",
        f"/releases?app={place.app.id}",
        f"/endpoints?environment={place.environment.id}",
        f"/events?environment={place.environment.id}",
    ]


def test_every_member_reads_and_a_stranger_finds_nothing(place):
    for path in reads(place):
        for role in ROLES:
            assert get(place.client[role], path).status_code == 200, (role, path)
        assert is_problem(get(place.client["stranger"], path), 404), path


def test_a_strangers_lists_hold_nothing_of_ours(place):
    ours = {str(place.app.id), str(place.app.project_id), str(place.environment.id), str(place.token.id)}
    ours |= {str(place.release.id), str(place.chain.id), str(place.member.id), str(place.cast.organization.id)}
    for path in ("/projects", "/apps", "/releases", "/environments", "/chains", "/tokens", "/members", "/organizations",
                 "/events", "/endpoints"):  # fmt: skip
        text = get(place.client["stranger"], path).content.decode()
        assert not [ident for ident in ours if ident in text], path
        assert place.cast.organization.name not in text


def acts(place) -> list[tuple[str, str, str, dict]]:
    """(least role, method, path, body)."""
    name = builders.name
    return [
        ("admin", "post", "/projects", {"key": name("P").upper(), "name": "x"}),
        ("admin", "patch", f"/projects/{place.app.project_id}", {"description": name("d")}),
        ("admin", "post", "/apps", {"project_id": str(place.app.project_id), "name": name("app")}),
        ("admin", "patch", f"/apps/{place.app.id}", {"description": name("d")}),
        ("operator", "post", f"/apps/{place.app.id}/releases", {"version": name("v"), "manifest": builders.MANIFEST}),
        ("admin", "post", "/environments", {"name": name("env"), "provisioner": "external"}),
        ("admin", "patch", f"/environments/{place.environment.id}", {"description": name("d")}),
        ("admin", "patch", f"/environments/{place.environment.id}", {}),
        ("admin", "patch", f"/projects/{place.app.project_id}", {}),
        ("admin", "patch", f"/apps/{place.app.id}", {}),
        ("admin", "patch", f"/chains/{place.chain.id}", {}),
        ("operator", "get", f"/environments/{place.environment.id}/worker-command", {}),
        ("operator", "post", f"/environments/{place.environment.id}/start", {}),
        ("admin", "patch", f"/chains/{place.chain.id}", {"name": name("Chain")}),
        ("admin", "post", "/members", {"username": name("u"), "password": builders.PASSWORD, "role": "viewer"}),
        ("owner", "post", "/members", {"username": name("u"), "password": builders.PASSWORD, "role": "owner"}),
        ("admin", "post", "/tokens", {"name": name("t"), "role": "viewer"}),
        ("owner", "post", "/tokens", {"name": name("t"), "role": "owner"}),
    ]


def test_each_act_needs_its_role_and_a_stranger_never_learns_of_the_thing(place):
    for role in ROLES:
        for least, method, path, body in acts(place):
            response = send(place.client[role], method, path, body)
            if role in FROM[least]:
                assert response.status_code in {200, 201}, (role, method, path, response.content)
            else:
                assert is_problem(response, 403, "not-allowed"), (role, method, path)
    for _, method, path, body in acts(place):
        if str(place.cast.organization.id) in path or path.count("/") > 1:
            assert is_problem(send(place.client["stranger"], method, path, body), 404), (method, path)


def test_each_deletion_needs_its_role(place):
    for role in ROLES[:2]:
        for path in (
            f"/projects/{place.app.project_id}",
            f"/apps/{place.app.id}",
            f"/environments/{place.spare.id}",
            f"/chains/{place.chain.id}",
            f"/tokens/{place.token.id}",
            f"/members/{place.member.id}",
        ):
            assert is_problem(place.client[role].delete(f"{ROOT}{path}"), 403), (role, path)
    for path in (f"/chains/{place.chain.id}", f"/environments/{place.spare.id}", f"/tokens/{place.token.id}",
                 f"/members/{place.member.id}", f"/apps/{place.app.id}"):  # fmt: skip
        assert is_problem(place.client["stranger"].delete(f"{ROOT}{path}"), 404), path
        response = place.client["admin"].delete(f"{ROOT}{path}")
        assert (response.status_code, response.content) == (204, b""), path


def test_a_token_limited_to_a_project_finds_no_other_one(place):
    other = builders.app(place.cast.owner, project=builders.project(place.cast.owner))
    limited = Client(
        headers={"Authorization": f"Bearer {builders.token(place.cast.owner, project_ids=[place.app.project_id])}"}
    )
    assert get(limited, f"/apps/{place.app.id}").status_code == 200
    assert is_problem(get(limited, f"/apps/{other.id}"), 404)
    assert is_problem(get(limited, f"/projects/{other.project_id}"), 404)
    assert is_problem(post(limited, f"/apps/{other.id}/releases", {"version": "1", "manifest": builders.MANIFEST}), 404)
    assert str(other.id) not in get(limited, "/events").content.decode()
    assert is_problem(post(limited, "/projects", {"key": "NEW", "name": "x"}), 403)


def test_a_token_limited_to_an_environment_finds_no_other_one(place):
    limited = Client(
        headers={"Authorization": f"Bearer {builders.token(place.cast.owner, environment_ids=[place.environment.id])}"}
    )
    assert [row["name"] for row in get(limited, "/environments").json()] == ["qa"]
    assert is_problem(get(limited, f"/environments/{place.spare.id}"), 404)
    assert is_problem(get(limited, f"/environments/{place.spare.id}/worker-command"), 404)
    assert str(place.spare.id) not in get(limited, "/events").content.decode()


def test_a_token_limited_to_an_environment_gets_the_default_project_that_it_sees(place):
    def limited(**limits: list[uuid.UUID]) -> Client:
        return Client(headers={"Authorization": f"Bearer {builders.token(place.cast.owner, **limits)}"})

    token = limited(environment_ids=[place.environment.id])
    made = get(token, "/projects/default").json()
    assert made["id"] in {row["id"] for row in get(token, "/projects").json()}
    assert is_problem(get(limited(project_ids=[place.app.project_id]), "/projects/default"), 404)


def test_a_limited_token_learns_no_place_from_other_tokens(place):
    cast, other = place.cast, builders.project(place.cast.owner)

    def made(**limits: list[uuid.UUID]) -> Client:
        return Client(headers={"Authorization": f"Bearer {builders.token(cast.owner, **limits)}"})

    here = made(project_ids=[place.app.project_id], environment_ids=[place.environment.id])
    made(project_ids=[other.id]), made(environment_ids=[place.spare.id])
    made(project_ids=[place.app.project_id, other.id], environment_ids=[place.environment.id, place.spare.id])
    told = [(row["project_ids"], row["environment_ids"]) for row in get(here, "/tokens").json()]
    own = ([str(place.app.project_id)], [str(place.environment.id)])
    # What is unlimited is seen to be so, and nothing limited looks as if it were.
    assert sorted(told) == sorted([*[([], [])] * (len(told) - 2), own, own])
    every = get(place.client["viewer"], "/tokens").json()
    assert len(every) == len(told) + 2
    hidden = next(row for row in every if row["project_ids"] == [str(other.id)])
    assert is_problem(get(here, f"/tokens/{hidden['id']}"), 404)
    assert {str(other.id), str(place.spare.id)} <= {
        one for row in every for one in [*row["project_ids"], *row["environment_ids"]]
    }


def test_a_token_that_makes_a_token_gives_no_more_than_it_has(place):
    body = {"name": "child", "role": "admin"}
    for limits in ({"role": "admin", "project_ids": [place.app.project_id]}, {"role": "operator"}):
        client = Client(headers={"Authorization": f"Bearer {builders.token(place.cast.owner, **limits)}"})
        assert is_problem(post(client, "/tokens", body), 403)
    limited = builders.token(place.cast.owner, role="admin", project_ids=[place.app.project_id])
    client = Client(headers={"Authorization": f"Bearer {limited}"})
    response = post(client, "/members", {"username": "x", "password": builders.PASSWORD, "role": "viewer"})
    assert is_problem(response, 403)


def test_a_token_that_ends_makes_none_that_outlives_it(place):
    until = timezone.now() + timedelta(days=3)
    client = Client(headers={"Authorization": f"Bearer {builders.token(place.cast.owner, expires_at=until)}"})
    later, sooner = (until + timedelta(days=days) for days in (1, -1))
    child = post(client, "/tokens", {"name": "heir", "role": "viewer"}).json()
    assert datetime.fromisoformat(child["expires_at"]) == until
    body = {"name": "child", "role": "viewer", "expires_at": later.isoformat()}
    assert fields(post(client, "/tokens", body)) == {"expires_at"}
    assert post(client, "/tokens", body | {"expires_at": sooner.isoformat()}).status_code == 201


@pytest.mark.parametrize("end", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"])
def test_a_token_ends_at_a_time_that_can_be_told(place, end):
    client = builders.rest(place.cast.owner)
    assert fields(post(client, "/tokens", {"name": "far", "role": "viewer", "expires_at": end})) == {"expires_at"}
    assert get(client, "/tokens").status_code == 200


@pytest.mark.parametrize("end", [4_000_000_000, "4000000000", "2999", "2999-01-01", "2999-01-01T00:00:00"])
def test_a_time_is_told_as_in_rfc_3339_and_never_as_a_number(place, end):
    client = builders.rest(place.cast.owner)
    assert fields(post(client, "/tokens", {"name": "far", "role": "viewer", "expires_at": end})) == {"expires_at"}
    assert fields(get(client, f"/environments/{place.environment.id}/logs?since={end}")) == {"since"}


def test_an_operator_is_let_into_a_protected_environment_by_a_grant_that_names_it(place):
    environments.update(place.environment, by=place.cast.owner, protected=True)
    path = f"/environments/{place.environment.id}/worker-command"
    assert is_problem(get(place.client["operator"], path), 403)
    named = builders.member(place.cast.organization, "operator", environment_id=place.environment.id)
    assert get(builders.rest(named), path).status_code == 200
    assert get(place.client["admin"], path).status_code == 200


def test_an_unknown_thing_and_a_foreign_one_cannot_be_told_apart(place):
    foreign = get(place.client["stranger"], f"/apps/{place.app.id}").json()
    unknown = get(place.client["stranger"], f"/apps/{uuid.uuid4()}").json()
    assert foreign == unknown


def send(client: Client, method: str, path: str, body: dict):
    if method == "get":
        return get(client, path)
    return getattr(client, method)(f"{ROOT}{path}", body, content_type="application/json")
