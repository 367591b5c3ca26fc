"""What configuration comes to over REST: for whom, why, masked or revealed, and spared where a client has it."""

import uuid
from contextlib import suppress
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from psycopg._queries import MAX_CACHED_STATEMENT_LENGTH

from environments import sealing
from environments.models import Environment
from environments.resolving import statements, targets
from environments.resolving.scopes import ANOTHER
from environments.resolving.showing import DOTS
from projects import access, grants, memberships
from projects.errors import NotFound
from projects.models import Event
from tests import builders
from tests.doors.rest import fields, get, is_problem, patch, post
from tests.doors.test_rest_configuration import PLANTED, ROLES, Place
from tests.environments.house import House

pytestmark = pytest.mark.django_db


@pytest.fixture
def place(house: House) -> Place:
    return Place(house)


@pytest.fixture
def owner(place: Place) -> Client:
    return place.client["owner"]


def resolved(place: Place, rest: str = "", *, kind: str = "apps", thing: Any = None, **query: str) -> str:
    asked = {"environment": "staging"} | query
    return f"/execution-environment/{kind}/{(thing or place.app).pk}/resolved{rest}?" + "&".join(
        f"{name}={value}" for name, value in asked.items() if value
    )


def test_an_app_gets_the_strongest_of_every_key_and_secrets_as_dots(place, owner):
    place.variable("HOST", "weak")
    place.variable("HOST", "strong", app_id=place.app.pk)
    place.variable("URL", "https://{{HOST}}/")
    place.secret(environment_id=place.staging.pk)
    place.variable("DSN", "app:{{.secret.PASSWORD}}@{{HOST}}", project_id=place.project.pk)
    place.variable("ELSEWHERE", "x", environment_id=place.production.pk)

    for environment in ("staging", "STAGING", str(place.staging.pk)):
        answer = get(owner, resolved(place, environment=environment))
        assert answer.json() == {
            "DSN": DOTS, "HOST": "strong", "PASSWORD": DOTS, "URL": "https://strong/",
        }  # fmt: skip


def test_reveal_shows_all_of_it_once_to_those_who_may_and_is_one_event(place):
    place.secret(environment_id=place.staging.pk)
    place.secret("TOKEN", "t", app_id=place.app.pk)
    place.variable("DSN", "app:{{PASSWORD}}")
    for role in ROLES:
        before = Event.objects.count()
        answer = get(place.client[role], resolved(place, reveal="true"))
        if role in {"viewer", "operator"}:
            assert is_problem(answer, 403) and Event.objects.count() == before
            continue
        assert answer.json() == {"DSN": f"app:{PLANTED}", "PASSWORD": PLANTED, "TOKEN": "t"}
        assert answer["Cache-Control"] == "no-store" and not answer.has_header("ETag")
        (event,) = Event.objects.order_by("-number")[: Event.objects.count() - before]
        assert event.kind == "configuration.revealed" and event.data["keys"] == ["DSN", "PASSWORD", "TOKEN"]
        assert PLANTED not in str(event.data)


def test_who_may_reveal_here_alone_reveals_nothing_that_is_set_wider(place):
    here = builders.rest(place.house.person("admin", environment=place.staging))
    place.secret("NEAR", "n", environment_id=place.staging.pk)
    assert get(here, f"/context/resolve/environment/{place.staging.pk}").status_code == 200
    assert get(here, "/secrets/value/NEAR?environment=staging").json() == {"value": "n"}
    place.secret("WIDE", "w")
    assert is_problem(get(here, "/secrets/value/WIDE?environment=staging"), 403)
    # A stranger to the other environment learns nothing of it.
    assert is_problem(get(here, "/secrets/value/WIDE?environment=production"), 404)


def test_a_write_only_secret_is_revealed_to_nobody_nor_what_is_built_from_it(place, owner):
    place.secret("HIDDEN", PLANTED, write_only=True)
    place.secret("BUILT", "x{{HIDDEN}}")
    for path in (
        resolved(place, reveal="true"),
        resolved(place, "/full", reveal="true"),
        "/secrets/value/HIDDEN?environment=staging",
        "/secrets/value/BUILT?environment=staging",
    ):
        answer = get(owner, path)
        assert is_problem(answer, 403, "write-only") and PLANTED not in answer.content.decode()
    assert not Event.objects.filter(kind__endswith=".revealed").exists()


def test_one_secret_is_revealed_as_it_is_resolved_and_told_in_an_event(place, owner):
    place.secret(value="weak")
    made = place.secret(value=f"{PLANTED}-{{{{HOST}}}}", app_id=place.app.pk)
    place.variable("HOST", "db")
    answer = get(owner, f"/secrets/value/PASSWORD?environment=staging&app={place.app.pk}")
    assert answer.json() == {"value": f"{PLANTED}-db"}
    assert answer["Cache-Control"] == "no-store" and not answer.has_header("ETag")
    event = Event.objects.get(kind="secret.revealed")
    assert event.object["id"] == made["id"] and PLANTED not in str(event.data)
    assert get(owner, "/secrets/value/PASSWORD?environment=staging").json() == {"value": "weak"}
    for name in ("HOST", "NOTHING", "x%20y"):
        assert is_problem(get(owner, f"/secrets/value/{name}?environment=staging"), 404)
    for role, status in (("viewer", 403), ("operator", 403), ("admin", 200)):
        assert get(place.client[role], "/secrets/value/PASSWORD?environment=staging").status_code == status
    assert is_problem(get(place.client["stranger"], "/secrets/value/PASSWORD?environment=staging"), 404)


def test_what_refers_nowhere_is_409_naming_key_and_reference_and_explain_tells_of_it(place, owner):
    place.variable("LOST", "{{.secret.NOWHERE}}")
    secret = place.secret()
    post(owner, f"/secrets/{secret['id']}/versions/1/revocation")
    for rest in ("", "/full"):
        answer = get(owner, resolved(place, rest))
        assert is_problem(answer, 409, "unresolvable")
        named = {(error["field"], error["reference"]) for error in answer.json()["errors"]}
        assert named == {("LOST", "{{.secret.NOWHERE}}"), ("PASSWORD", "")}
    told = get(owner, resolved(place, "/explain")).json()
    assert [(one["key"], one["code"]) for one in told["problems"]] == [("LOST", "unresolved"), ("PASSWORD", "revoked")]
    assert [one["value"] for one in told["keys"]] == [None, None]


def test_explain_tells_the_winner_and_what_it_shadows_with_scope_version_actor_and_time(place, owner):
    Environment.objects.filter(pk=place.staging.pk).update(based_on=place.production)
    weak, far = place.variable("HOST", "weak"), place.variable("HOST", "far", environment_id=place.production.pk)
    strong = place.variable("HOST", "strong", app_id=place.app.pk, environment_id=place.staging.pk)
    changed = patch(owner, f"/variables/{strong['id']}", {"value": "stronger"}).json()
    place.secret(environment_id=place.production.pk)

    told = get(owner, resolved(place, "/explain")).json()

    host, password = told["keys"]
    assert (told["environment_id"], told["project_id"]) == (str(place.staging.pk), str(place.project.pk))
    assert (host["value"], host["masked"], host["problem"]) == ("stronger", False, None)
    winner = host["winner"]
    assert (winner["id"], winner["scope"], winner["version"]) == (strong["id"], "shop in staging", 2)
    assert (winner["set_by"], winner["set_at"]) == (changed["updated_by"], changed["updated_at"])
    assert [(one["id"], one["scope"], one["value"], one["inherited_from"]) for one in host["shadows"]] == [
        (far["id"], "production", "far", "production"),
        (weak["id"], "Organization", "weak", None),
    ]
    assert (password["value"], password["masked"], password["winner"]["value"]) == (DOTS, True, None)
    assert password["winner"]["inherited_from"] == "production"


def test_what_is_inherited_from_an_environment_that_one_does_not_see_is_told_without_its_name(place):
    Environment.objects.filter(pk=place.staging.pk).update(based_on=place.production)
    place.variable("HOST", "far", environment_id=place.production.pk)
    other = place.house.environment("other")
    person = place.house.person("viewer", environment=place.staging)
    member = memberships.find(place.house.owner, person.user.username)
    grants.give(member, by=place.house.owner, role="viewer", environment_id=other.pk)
    visitor = builders.rest(access.of_user(member.user, member.organization))
    compared = f"/environments/compare?ids=staging,other&app={place.app.pk}"

    for path in (resolved(place, "/explain"), compared):
        answer = get(visitor, path)
        assert answer.status_code == 200, answer.content
        assert "far" in answer.content.decode() and ANOTHER in answer.content.decode()
        assert "production" not in answer.content.decode()
        assert str(place.production.pk) not in answer.content.decode()


def test_context_tells_the_same_resolution_as_layers_from_weak_to_strong(place, owner):
    place.variable("HOST", "weak")
    place.variable("HOST", "strong", environment_id=place.staging.pk)
    place.variable("CREW", "c", team_id=place.team.pk)
    place.secret("MINE", PLANTED, agent_id=place.agent.pk)
    told = get(owner, f"/context/resolve/agent/{place.agent.pk}?environment=staging").json()
    layers = [
        (one["scope"], [(key["key"], key["wins"], key["value"]) for key in one["keys"]]) for one in told["layers"]
    ]
    assert layers == [
        ("Organization", [("HOST", False, "weak")]),
        ("staging", [("HOST", True, "strong")]),
        ("crew", [("CREW", True, "c")]),
        ("robot", [("MINE", True, None)]),
    ]  # fmt: skip
    assert told["resolved"] == {"CREW": "c", "HOST": "strong", "MINE": DOTS}
    for kind, thing in (("team", place.team), ("project", place.project)):
        answer = get(owner, f"/context/resolve/{kind}/{thing.pk}?environment=staging")
        assert answer.json()["resolved"]["HOST"] == "strong"
    here = f"/context/resolve/environment/{place.staging.pk}"
    assert get(owner, here).json()["resolved"] == {"HOST": "strong"}
    assert fields(get(owner, f"{here}?environment=production")) == {"environment"}
    assert is_problem(get(owner, f"/context/resolve/app/{place.app.pk}"), 404)


def test_in_full_it_comes_by_kind_with_mcp_servers_whose_templates_are_resolved(place, owner):
    Environment.objects.filter(pk=place.staging.pk).update(
        based_on=place.production, mcp_servers={"files": {"url": "weak"}, "web": {"url": "https://{{HOST}}/", "n": 1}}
    )
    Environment.objects.filter(pk=place.production.pk).update(mcp_servers={"far": {}, "web": "x"})
    place.team.mcp_servers = {"files": {"headers": ["Bearer {{.secret.PASSWORD}}", "{{.env.HOST}}"]}}
    place.team.save()
    place.variable("HOST", "db")
    place.secret()
    path = resolved(place, "/full", kind="agents", thing=place.agent)
    told = get(owner, path).json()
    assert told == {
        "env_vars": {"HOST": "db"},
        "secrets": {"PASSWORD": DOTS},
        "integrations": [],
        "mcp_servers": {"far": {}, "files": {"headers": [DOTS, "db"]}, "web": {"url": "https://db/", "n": 1}},
    }
    open_told = get(owner, f"{path}&reveal=true").json()
    assert open_told["mcp_servers"]["files"]["headers"] == [f"Bearer {PLANTED}", "db"]
    place.team.mcp_servers = {"files": "{{NOWHERE}}"}
    place.team.save()
    answer = get(owner, path)
    assert is_problem(answer, 409, "unresolvable")
    assert answer.json()["errors"][0]["field"] == "mcp_servers.files"


def test_environment_and_project_may_be_left_out_only_where_there_is_one(place, owner):
    answer = get(owner, resolved(place, environment=""))
    assert fields(answer) == {"environment"} and "production" in answer.json()["detail"]
    place.project.restrict_to_environment_id = place.production.pk
    place.project.save()
    place.variable("ONLY", "x", environment_id=place.production.pk)
    assert get(owner, resolved(place, environment="")).json() == {"ONLY": "x"}
    one = Client(
        headers={"Authorization": f"Bearer {builders.token(place.house.owner, environment_ids=[place.staging.pk])}"}
    )
    assert get(one, resolved(place, environment="", kind="teams", thing=place.team)).json() == {}

    other = place.house.project("OTHER")
    place.variable("P", "shop", project_id=place.project.pk)
    place.variable("P", "other", project_id=other.pk)
    team = {"kind": "teams", "thing": place.team}
    assert get(owner, resolved(place, **team)).json() == {}
    place.team.projects.set([place.project])
    agent = {"kind": "agents", "thing": place.agent}
    assert get(owner, resolved(place, **team)).json() == get(owner, resolved(place, **agent)).json() == {"P": "shop"}
    assert fields(get(owner, resolved(place, project="OTHER", **team))) == {"project"}
    place.team.projects.add(other)
    answer = get(owner, resolved(place, **team))
    assert fields(answer) == {"project"} and "OTHER, SHOP" in answer.json()["detail"]
    assert get(owner, resolved(place, project="other", **agent)).json() == {"P": "other"}
    assert fields(get(owner, resolved(place, project="OTHER"))) == {"project"}
    assert get(owner, resolved(place, project="shop")).json() == {"P": "shop"}


def test_who_does_not_see_the_thing_or_the_environment_finds_nothing(place):
    place.team.projects.set([place.project])
    other = builders.rest(place.house.person("admin", project=place.house.project("OTHER")))
    there = builders.rest(place.house.person("admin", environment=place.production))
    for kind, thing in (("apps", place.app), ("projects", place.project), ("teams", place.team)):
        for rest in ("", "/full", "/explain"):
            for client in (place.client["stranger"], other, there):
                assert is_problem(get(client, resolved(place, rest, kind=kind, thing=thing)), 404)
            for role in ROLES:
                assert get(place.client[role], resolved(place, rest, kind=kind, thing=thing)).status_code == 200
    for path in (f"/context/resolve/environment/{place.staging.pk}", f"/context/resolve/project/{place.project.pk}"):
        assert is_problem(get(place.client["stranger"], path), 404)
    assert is_problem(get(place.client["owner"], f"/execution-environment/ships/{uuid.uuid4()}/resolved"), 404)


@pytest.mark.parametrize("thing", ["app", "project"])
def test_nothing_that_is_set_for_what_one_does_not_see_leaves_the_database(place, thing):
    place.variable("HIDDEN", "of-the-app", app_id=place.app.pk)
    place.variable("ALSO", "of-the-project", project_id=place.project.pk)
    elsewhere = place.house.person("admin", project=place.house.project("OTHER"))
    told = []

    def look(execute, sql, params, many, context):
        answer = execute(sql, params, many, context)
        with connection.connection.cursor() as again:
            told.append(str(again.execute(sql, params).fetchall()))
        return answer

    for by in (place.house.owner, elsewhere):
        with connection.execute_wrapper(look), suppress(NotFound):
            targets.find(
                thing, getattr(place, thing).pk, by=by, environment="staging", ahead=statements.without_origins
            )
    assert ["of-the-project" in one for one in told] == [True, False]


def test_the_driver_keeps_what_it_makes_of_the_statements(place):
    limited = place.house.person("operator", project=place.project, environment=place.staging)
    longest = 0

    def look(execute, sql, params, many, context):
        nonlocal longest
        longest = max(longest, len(sql))
        return execute(sql, params, many, context)

    for by in (place.house.owner, limited):
        for one in (statements.values, statements.without_origins, statements.stamp):
            with connection.execute_wrapper(look):
                targets.find("app", place.app.pk, by=by, environment=str(place.staging.pk), ahead=one)
    assert longest <= MAX_CACHED_STATEMENT_LENGTH


@pytest.mark.parametrize("rest", ["", "/full"])
def test_who_has_it_already_is_told_so_before_any_secret_is_opened(place, owner, monkeypatch, rest):
    place.variable(app_id=place.app.pk)
    secret = place.secret(value="one{{HOST}}")
    path = resolved(place, rest)
    tag = get(owner, path)["ETag"]

    with monkeypatch.context() as patched:
        patched.setattr(sealing.Box, "open", lambda *given, **more: pytest.fail("a secret was opened"))
        again = get(owner, path, If_None_Match=tag)
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", tag)
    # The tag belongs to the question and to who asks.
    assert get(owner, f"{path}&project=SHOP", If_None_Match=tag).status_code == 200
    assert get(place.client["viewer"], path, If_None_Match=tag).status_code == 200
    tags = {tag}
    for change in (
        lambda: patch(owner, f"/secrets/{secret['id']}", {"value": "two"}),
        lambda: place.variable("NEW", "x"),
        lambda: place.variable("HOST", "nearer", app_id=place.app.pk, environment_id=place.staging.pk),
        lambda: Environment.objects.filter(pk=place.staging.pk).update(based_on=place.production),
        lambda: place.variable("FAR", "x", environment_id=place.production.pk),
    ):
        change()
        answer = get(owner, path, If_None_Match=tag)
        assert answer.status_code == 200 or answer["ETag"] == tag
        tag = answer["ETag"]
        tags.add(tag)
    assert len(tags) == 5  # what an environment is based on changes nothing before something is set there
    revoked = post(owner, f"/secrets/{secret['id']}/versions/2/revocation")
    assert revoked.status_code == 200 and is_problem(get(owner, path, If_None_Match=tag), 409)


@pytest.mark.parametrize("keys", [1, 30])
def test_a_look_takes_three_statements_for_the_values_however_many_there_are(place, owner, keys):
    for n in range(keys):
        place.variable(f"V{n}", f"{{{{S{n}}}}}", app_id=place.app.pk)
        place.secret(f"S{n}", "x{{HOST}}", environment_id=place.staging.pk)

    def of_values(path: str, **headers: str) -> int:
        with CaptureQueriesContext(connection) as asked:
            assert get(owner, path, **headers).status_code in {200, 304}
        return len([one for one in asked if "entry" in one["sql"] or "datakey" in one["sql"]])

    place.variable("HOST", "far")
    assert of_values(resolved(place)) == 2
    first = get(owner, resolved(place))
    place.variable("HOST", "near", app_id=place.app.pk)
    assert of_values(resolved(place), If_None_Match=first["ETag"]) == 3
    second = get(owner, resolved(place))
    assert second.json() != first.json() and second["ETag"] != first["ETag"]
    # What was answered before is not made again while nothing is another, for whomever has it or not.
    for headers in ({}, {"If_None_Match": first["ETag"]}, {"If_None_Match": second["ETag"]}):
        assert of_values(resolved(place), **headers) == 1
    with CaptureQueriesContext(connection) as asked:
        get(owner, resolved(place))
    assert len(asked) == 2, "who asks, and at once what about and whether anything is another"
    assert get(owner, resolved(place)).content == second.content
    assert get(place.client["viewer"], resolved(place))["ETag"] != second["ETag"], "it is given to nobody else"
    with CaptureQueriesContext(connection) as asked:
        get(owner, resolved(place, "/explain"))
    assert len(asked) <= 8


def test_nothing_that_is_shown_of_a_resolution_holds_a_secret(place, owner, caplog):
    caplog.set_level("DEBUG")
    place.secret(app_id=place.app.pk)
    place.variable("DSN", "x{{PASSWORD}}y")
    place.secret("NESTED", f"{PLANTED}{{{{PASSWORD}}}}")
    paths = [resolved(place, rest) for rest in ("", "/full", "/explain")]
    paths += [f"/context/resolve/project/{place.project.pk}?environment=staging", "/events?limit=1000", "/variables"]
    seen = "".join(get(owner, path).content.decode() for path in paths)
    assert get(owner, resolved(place, reveal="true")).status_code == 200
    place.variable("LOST", "{{PASSWORD}}{{NOWHERE}}")
    place.variable("KIND", "{{PASSWORD}}{{.env.NESTED}}")
    seen += "".join(get(owner, path).content.decode() for path in [*paths, resolved(place, reveal="true")])
    assert PLANTED not in seen + str(list(Event.objects.values())) + caplog.text
