"""Variables and secrets over REST: by everybody, in every scope, and never a secret's value."""

import uuid
from typing import Any

import pytest
from django.test import Client

from environments.configuration import stores
from environments.models import EntryVersion
from projects.credentials import Secret
from projects.models import Agent, Event, IdempotentAnswer, Team
from tests import builders
from tests.doors.rest import ROOT, delete, fields, get, is_problem, patch, post
from tests.environments.house import House

pytestmark = pytest.mark.django_db
PLANTED = "pl4nted-Zm9v/value"
ROLES = ("viewer", "operator", "admin", "owner")


class Place:
    """An app in a project, two environments, a team with an agent; `client` by role."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.project = house.project("SHOP")
        self.app = house.app("shop", project=self.project)
        self.staging, self.production = house.environment("staging"), house.environment("production")
        self.team = Team.objects.create(organization=house.organization, name="crew")
        self.agent = Agent.objects.create(organization=house.organization, name="robot", team=self.team)
        people = {role: house.owner if role == "owner" else house.person(role) for role in ROLES}
        self.client = {role: builders.rest(one) for role, one in people.items()}
        self.client["stranger"] = builders.rest(builders.cast().owner)

    def variable(self, key: str = "HOST", value: str = "one", **scope: Any) -> Any:
        return self._made("variables", key=key, value=value, **scope)

    def secret(self, key: str = "PASSWORD", value: str = PLANTED, **scope: Any) -> Any:
        return self._made("secrets", key=key, value=value, **scope)

    def _made(self, family: str, **body: Any) -> Any:
        sent = {name: str(value) if isinstance(value, uuid.UUID) else value for name, value in body.items()}
        answer = post(self.client["owner"], f"/{family}", sent)
        assert answer.status_code == 201, answer.content
        return answer.json()


@pytest.fixture
def place(house: House) -> Place:
    return Place(house)


@pytest.fixture
def owner(place: Place) -> Client:
    return place.client["owner"]


def test_a_variable_is_set_read_changed_and_deleted(place, owner):
    made = post(owner, "/variables", {"key": "PORTS", "value": "80", "type": "number", "note": "to begin with"})
    told = made.json()
    path = f"/variables/{told['id']}"
    assert made["Location"] == f"{ROOT}{path}"
    assert {name: told[name] for name in ("key", "value", "type", "scope", "version", "note", "app_id")} == {
        "key": "PORTS", "value": "80", "type": "number", "scope": "Organization", "version": 1,
        "note": "to begin with", "app_id": None,
    }  # fmt: skip
    assert get(owner, path).json() == told

    changed = patch(owner, path, {"value": "81", "note": "more", "description": "of the app"}).json()
    assert (changed["value"], changed["version"], changed["note"]) == ("81", 2, "more")
    assert (changed["type"], changed["description"]) == ("number", "of the app")
    assert fields(patch(owner, path, {"value": "many"})) == {"value"}

    assert delete(owner, path).status_code == 204
    assert get(owner, "/variables").json() == []
    assert [row["id"] for row in get(owner, "/variables?deleted=true").json()] == [told["id"]]
    assert get(owner, path).json()["deleted_at"]
    assert is_problem(patch(owner, path, {"value": "82"}), 409, "deleted")
    restored = post(owner, f"{path}/versions/1/restoration", {"note": "again"})
    assert (restored.status_code, restored.json()["value"], restored.json()["version"]) == (200, "80", 4)
    history = get(owner, f"{path}/versions").json()
    assert [(row["number"], row["deleted"], row["restores"], row["current"]) for row in history] == [
        (1, False, None, False), (2, False, None, False), (3, True, None, False), (4, False, 1, True),
    ]  # fmt: skip


def test_a_secret_is_never_told_and_a_revoked_version_never_used_again(place, owner):
    made = place.secret(rotate_on="2030-01-01", write_only=False)
    path = f"/secrets/{made['id']}"
    assert "value" not in made and made["rotate_on"] == "2030-01-01"
    assert patch(owner, path, {"value": f"{PLANTED}2", "rotate_on": None}).json()["version"] == 2
    revoked = post(owner, f"{path}/versions/1/revocation", {"destroy": True})
    assert revoked.status_code == 200 and revoked.json()["destroyed_at"]
    assert is_problem(post(owner, f"{path}/versions/1/restoration"), 409, "revoked")
    assert EntryVersion.objects.get(entry=made["id"], number=1).sealed is None
    assert is_problem(post(owner, f"{path}/versions/7/revocation"), 404)
    assert fields(patch(owner, path, {"type": "number"})) == {"type"}
    assert patch(owner, path, {"write_only": True}).json()["write_only"] is True
    assert fields(patch(owner, path, {"write_only": False})) == {"write_only"}


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        ((), "Organization"),
        (("environment",), "staging"),
        (("project",), "Shop"),
        (("project", "environment"), "Shop in staging"),
        (("app",), "shop"),
        (("app", "environment"), "shop in staging"),
        (("team",), "crew"),
        (("team", "environment"), "crew in staging"),
        (("agent",), "robot"),
        (("agent", "environment"), "robot in staging"),
    ],
)
def test_a_key_is_set_in_each_of_the_ten_scopes(place, owner, scope, words):
    named = {f"{each}_id": getattr(place, each, place.staging).pk for each in scope}
    made = place.variable(**named)
    assert made["scope"] == words
    assert {name: made[f"{name}_id"] for name in ("project", "app", "team", "agent", "environment")} == {
        name: str(named[f"{name}_id"]) if name in scope else None
        for name in ("project", "app", "team", "agent", "environment")
    }
    again = {"key": "HOST", "value": "x", **{name: str(value) for name, value in named.items()}}
    assert is_problem(post(owner, "/variables", again), 409, "key-taken")
    assert is_problem(post(owner, "/secrets", again), 409, "key-taken")


def test_other_combinations_are_no_scope_and_a_value_stays_where_it_is(place, owner):
    both = {"key": "K", "value": "x", "app_id": str(place.app.pk), "team_id": str(place.team.pk)}
    assert fields(post(owner, "/variables", both)) == {"team_id"}
    made = place.variable(app_id=place.app.pk)
    path = f"/variables/{made['id']}"
    for moved in ({"app_id": None}, {"environment_id": str(place.staging.pk)}, {"key": "OTHER"}, {"scope": "x"}):
        assert fields(patch(owner, path, moved)) == set(moved)
    assert patch(owner, path, made | {"value": "two", "note": ""}).json()["value"] == "two"
    assert fields(patch(owner, path, {"note": "alone"})) == {"note"}
    assert fields(patch(owner, path, {"value": None})) == {"value"}


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"key": "PATH", "value": "x"}, "key"),
        ({"key": "TOWPATH_X", "value": "x"}, "key"),
        ({"key": "1A", "value": "x"}, "key"),
        ({"key": "A", "value": "x", "type": "number"}, "value"),
        ({"key": "A", "value": "x", "type": "colour"}, "type"),
        ({"key": "A", "value": 5}, "value"),
        ({"key": "A", "value": "{{ B"}, "value"),
        ({"key": "A"}, "value"),
        ({"key": "A", "value": "x", "colour": "red"}, "colour"),
    ],
)
def test_what_is_no_variable_is_refused_by_its_field(owner, body, wrong):
    assert fields(post(owner, "/variables", body)) == {wrong}


def test_lists_say_where_a_key_is_set_and_are_filtered_by_scope(place, owner):
    wide, app = place.variable(value="a"), place.variable(value="b", app_id=place.app.pk)
    here = place.variable(value="c", app_id=place.app.pk, environment_id=place.staging.pk)
    crew = place.variable("OTHER", team_id=place.team.pk, description="of the crew")
    robot = place.variable("OTHER", agent_id=place.agent.pk)
    expected = {
        "key=HOST": [wide, app, here],
        "key=host": [],
        "q=oST": [wide, app, here],
        "q=the+crew": [crew],
        "environment=STAGING": [here],
        f"environment={place.staging.pk}": [here],
        "project=shop": [app, here],
        "app=shop": [app, here],
        "team=crew": [crew],
        f"agent={place.agent.pk}": [robot],
        "app=shop&environment=staging&key=HOST": [here],
    }
    for query, rows in expected.items():
        assert [row["id"] for row in get(owner, f"/variables?{query}").json()] == [row["id"] for row in rows], query
    for query in ("environment=none", "project=none", "app=none", "team=none", f"agent={uuid.uuid4()}"):
        assert is_problem(get(owner, f"/variables?{query}"), 404), query
    assert fields(get(owner, "/variables?colour=red")) == {"colour"}


def test_pages_follow_each_other_and_hold_everything_once(place, owner):
    for n in range(5):
        place.secret(f"S{n}")
    seen, path = [], "/secrets?limit=2"
    while path:
        answer = get(owner, path)
        seen += [row["key"] for row in answer.json()]
        link = answer.get("Link", "")
        path = link.partition("<")[2].partition(">")[0].partition(ROOT)[2]
    assert seen == [f"S{n}" for n in range(5)]


def test_each_role_may_what_it_may_and_a_stranger_finds_nothing(place):
    variable, secret = place.variable(app_id=place.app.pk), place.secret(app_id=place.app.pk)
    for role in ROLES:
        client = place.client[role]
        for path in (f"/variables/{variable['id']}", f"/secrets/{secret['id']}", "/variables", "/secrets"):
            assert get(client, path).status_code == 200
        made = {"key": builders.name("K").replace("-", "_"), "value": "x", "app_id": str(place.app.pk)}
        answers = [
            post(client, "/variables", made),
            patch(client, f"/variables/{variable['id']}", {"value": role}),
            patch(client, f"/variables/{variable['id']}", {}),
            patch(client, f"/secrets/{secret['id']}", {"value": role}),
            post(client, f"/secrets/{secret['id']}/versions/1/revocation"),
            delete(client, f"/variables/{place.variable(builders.name('D').replace('-', '_'))['id']}"),
        ]
        allowed = {answer.status_code < 300 for answer in answers}
        assert allowed == {role != "viewer"}, (role, [answer.content for answer in answers])
        assert role != "viewer" or {answer.status_code for answer in answers} == {403}
    stranger = place.client["stranger"]
    assert get(stranger, "/variables").json() == [] and get(stranger, "/secrets?key=PASSWORD").json() == []
    for path in (f"/variables/{variable['id']}", f"/secrets/{secret['id']}", f"/secrets/{secret['id']}/versions"):
        assert is_problem(get(stranger, path), 404)
    for answer in (
        patch(stranger, f"/variables/{variable['id']}", {"value": "x"}),
        delete(stranger, f"/secrets/{secret['id']}"),
        post(stranger, f"/secrets/{secret['id']}/versions/1/revocation"),
        post(stranger, "/variables", {"key": "A", "value": "x", "app_id": str(place.app.pk)}),
        post(stranger, "/variables", {"key": "A", "value": "x", "team_id": str(place.team.pk)}),
    ):
        assert is_problem(answer, 404)


def test_a_token_of_one_environment_sees_what_is_set_there_and_what_is_wider(place):
    wide, here = place.variable(), place.variable(environment_id=place.staging.pk)
    there = place.variable(environment_id=place.production.pk)
    token = builders.token(place.house.owner, environment_ids=[place.staging.pk])
    limited = Client(headers={"Authorization": f"Bearer {token}"})
    assert {row["id"] for row in get(limited, "/variables?key=HOST").json()} == {wide["id"], here["id"]}
    assert is_problem(get(limited, f"/variables/{there['id']}"), 404)


def test_a_change_on_top_of_something_outdated_is_412(place, owner):
    for family, made in (("variables", place.variable()), ("secrets", place.secret())):
        path = f"/{family}/{made['id']}"
        tag = get(owner, path)["ETag"]
        assert get(owner, path, If_None_Match=tag).status_code == 304
        assert patch(owner, path, {"value": "two"}, If_Match=tag).status_code == 200
        assert is_problem(patch(owner, path, {"value": "three"}, If_Match=tag), 412)
        assert get(owner, path).json()["version"] == 2


def test_a_post_that_is_repeated_happens_once_and_keeps_no_secret(place, owner):
    body = {"key": "PASSWORD", "value": PLANTED}
    first, again = (post(owner, "/secrets", body, Idempotency_Key="k") for _ in range(2))
    assert again.json() == first.json() and again["Idempotency-Replayed"] == "true"
    path = f"/secrets/{first.json()['id']}/versions/1/restoration"
    assert {post(owner, path, {"note": "x"}, Idempotency_Key="r").json()["version"] for _ in range(2)} == {2}
    assert is_problem(post(owner, "/secrets", body | {"value": "other"}, Idempotency_Key="k"), 409)
    assert PLANTED not in str(list(IdempotentAnswer.objects.values()))


def test_no_list_no_answer_and_no_event_shows_a_secret(place, owner, caplog):
    caplog.set_level("DEBUG")
    made = place.secret(note="why", description="for the database")
    path = f"/secrets/{made['id']}"
    seen = "".join(
        answer.content.decode()
        for answer in (
            patch(owner, path, {"value": f"{PLANTED}2"}),
            get(owner, path),
            get(owner, "/secrets"),
            get(owner, f"{path}/versions"),
            post(owner, f"{path}/versions/1/restoration"),
            post(owner, f"{path}/versions/1/revocation"),
            post(owner, "/secrets", {"key": "PASSWORD", "value": PLANTED}),
            post(owner, "/secrets", {"key": "B", "value": f"{PLANTED}{{{{"}),
            get(owner, "/events?limit=1000"),
        )
    )
    seen += str(list(Event.objects.values())) + caplog.text
    assert PLANTED not in seen


def test_lists_ask_the_database_as_often_for_many_as_for_one(place, owner, django_assert_num_queries):
    place.secret("S0", app_id=place.app.pk, environment_id=place.staging.pk)
    get(owner, "/secrets")
    with django_assert_num_queries(2):
        get(owner, "/secrets")
    for n in range(1, 9):
        place.secret(f"S{n}", app_id=place.app.pk, environment_id=place.staging.pk)
    with django_assert_num_queries(2):
        assert len(get(owner, "/secrets").json()) == 9


def test_a_secret_that_lies_in_a_store_is_set_by_its_place_and_never_by_both() -> None:
    owner = builders.cast().owner
    store = stores.create(
        by=owner, name="grotto", address="https://127.0.0.1:9", auth="token", credentials={"token": Secret("planted")}
    )
    client, place = builders.rest(owner), {"store_id": str(store.id), "path": "app/db", "field": "password"}

    made = post(client, "/secrets", {"key": "DB", "stored_at": place})

    assert made.status_code == 201 and made.json()["stored_at"] == place
    path = f"/secrets/{made.json()['id']}"
    assert patch(client, path, {"stored_at": place}).json()["version"] == 1, "the same place is no change"
    assert patch(client, path, {"stored_at": place | {"field": "other"}}).json()["version"] == 2
    back = patch(client, path, {"value": "sealed here"}).json()
    assert (back["version"], back["stored_at"]) == (3, None)
    for body in ({"key": "NEW"}, {"key": "NEW", "value": "x", "stored_at": place}):
        assert is_problem(post(client, "/secrets", body), 422)
    operator = builders.rest(builders.member(owner.organization, "operator"))
    assert is_problem(post(operator, "/secrets", {"key": "NEW", "stored_at": place}), 403)


def test_a_write_only_secret_that_is_set_again_after_it_was_deleted_stays_one() -> None:
    client = builders.rest(builders.cast().owner)
    made = post(client, "/secrets", {"key": "HUSH", "value": "planted", "write_only": True}).json()
    delete(client, f"/secrets/{made['id']}")

    again = post(client, "/secrets", {"key": "HUSH", "value": "other"}).json()

    assert again["write_only"] is True
