"""No input breaks a REST operation: whatever is sent, the answer is below 500 and a problem says what is wrong."""

import functools
import itertools
import json
import uuid
from functools import cache

import pytest
from django.test import Client

from environments import lifecycle
from environments.configuration import secrets, variables
from environments.management.commands import openapi
from environments.resolving.scopes import Scope
from projects import workflows
from projects.credentials import Secret
from projects.models import Agent
from tests import builders

pytestmark = pytest.mark.django_db
UNKNOWN = "00000000-0000-4000-8000-000000000000"
JUNK = [
    None,
    True,
    -1,
    2**70,
    1e400,
    "",
    "x" * 70_000,
    "\u202e'; drop table %s{0}",
    [None],
    {"a": {"b": None}},
    {"a": 2**64},
    {"a": -1e20},
    UNKNOWN,
    functools.reduce(lambda inner, _: [inner], range(300), None),
    functools.reduce(lambda inner, _: {"a": inner}, range(300), None),
]
INPUTS = {"a": {"type": "choice", "options": ["x"]}, "b": {"type": "number"}, "c": {"type": "boolean"}}
STEPS = [{"name": "dig", "run": "true"}]
QUERIES = ["", "%00", "-1", "99999999999999999999", "%f0%9f%9a%a4'", UNKNOWN, "a" * 5_000]


@pytest.fixture
def place():
    """An owner's client, and a known thing for each word a path may hold."""

    class Place:
        cast = builders.cast()
        client = builders.rest(cast.owner)
        app = builders.app(cast.owner)
        release = builders.release(cast.owner, app)
        environment = lifecycle.create(by=cast.owner, name="qa", provisioner="external")
        variable = variables.create(Scope(app=app), by=cast.owner, key="HOST", value="x")
        secret = secrets.create(Scope(app=app), by=cast.owner, key="PASSWORD", value=Secret("x"))

        workflow = workflows.create(by=cast.owner, project=app.project, name="flow", inputs=INPUTS, steps=STEPS)
        agent = Agent.objects.create(organization=cast.owner.organization, name="robot", command="think")

    Place.client.raise_request_exception = False
    Place.known = {
        "apps": Place.app.id, "environments": Place.environment.id, "projects": Place.app.project_id,
        "workflows": Place.workflow.id, "agents": Place.agent.id,
        "releases": Place.release.id, "variables": Place.variable.id, "secrets": Place.secret.id,
        "members": Place.cast.viewer.user.memberships.get().id,
    }  # fmt: skip
    return Place


_TURNS = itertools.count()


def some(junk: list, most: int = 3) -> list:
    """The next few: over all the fields each kind of junk has its turn many times."""
    return [junk[next(_TURNS) % len(junk)] for _ in range(most)]


@cache
def document() -> dict:
    return json.loads(openapi.document())


def operations() -> list[tuple[str, str, dict]]:
    """All but the workers' own, to which an access token is a stranger."""
    return [
        (method, path, operation)
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
        if "/stream" not in path and "worker protocol" not in operation.get("tags", [])
    ]


def address(path: str, place) -> str:
    """The path with the id of a known thing where there is one."""
    family = path.split("/")[3]
    for word, known in (("{kind}", "apps"), ("{n}", "1"), ("{name}", "PASSWORD")):
        path = path.replace(word, known)
    family = {"execution-environment": "apps"}.get(family, family)
    return path.replace("{id}", str(place.known.get(family, UNKNOWN)))


def sound(response, *sent) -> None:
    assert response.status_code < 500, (*map(str, sent), response.content[:500])
    if response.status_code >= 400:
        assert response["Content-Type"] == "application/problem+json", (*sent, response.content[:200])
        assert response.json()["detail"], sent


def properties(operation: dict) -> dict[str, dict]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    reference = content.get("schema", {}).get("$ref", "")
    return document()["components"]["schemas"].get(reference.rpartition("/")[2], {}).get("properties", {})


def plausible(name: str, place) -> object:
    """A value that lets a request get as far as the field that is not."""
    values = {
        "name": builders.name("n"), "key": builders.name("K").upper(), "version": builders.name("v"), "role": "viewer",
        "manifest": builders.MANIFEST, "username": builders.name("u"), "password": builders.PASSWORD,
        "project_id": str(place.app.project_id), "app_id": str(place.app.id), "release_id": str(place.release.id),
        "environment_id": str(place.environment.id), "stages": [{"name": "a", "environments": ["qa"]}],
        "service": "web", "reason": "why", "plan_id": UNKNOWN, "value": "x",
    }  # fmt: skip
    return values.get(name)


def test_no_field_of_any_body_breaks_its_operation(place):
    for method, path, operation in operations():
        fields = properties(operation)
        for field, junk in itertools.chain.from_iterable(((field, junk) for junk in some(JUNK)) for field in fields):
            body = {name: plausible(name, place) for name in fields if plausible(name, place) is not None}
            sent = json.dumps(body | {field: junk}).replace("Infinity", "1e400")
            response = getattr(place.client, method)(address(path, place), sent, content_type="application/json")
            sound(response, method, path, field, str(junk)[:60])


def test_no_body_as_a_whole_breaks_an_operation(place):
    for method, path, operation in operations():
        if "requestBody" not in operation:
            continue
        for junk in some(JUNK):
            sent = json.dumps(junk).replace("Infinity", "1e400")
            response = getattr(place.client, method)(address(path, place), sent, content_type="application/json")
            sound(response, method, path, str(junk)[:60])


def test_no_query_parameter_breaks_its_operation(place):
    for method, path, operation in operations():
        if method != "get":
            continue
        for parameter in operation.get("parameters", []):
            if parameter["in"] != "query":
                continue
            for junk in some(QUERIES, 2):
                sound(
                    place.client.get(f"{address(path, place)}?{parameter['name']}={junk}"),
                    path,
                    parameter["name"],
                    junk,
                )


def test_no_header_breaks_an_operation(place):
    junk = ["", '"', "*", "W/", 'ä,,,"a", "b"', "x" * 5_000]
    path = f"/api/v1/environments/{place.environment.id}"
    for name, value in itertools.product(
        ("If-None-Match", "If-Match", "Idempotency-Key", "Accept", "Towpath-Protocol"), junk
    ):
        sound(place.client.get(path, headers={name: value}), name, value)
        sound(
            place.client.patch(path, {"description": "x"}, content_type="application/json", headers={name: value}),
            name,
            value,
        )
        body = {"key": builders.name("K").upper(), "name": "x"}
        sound(
            place.client.post("/api/v1/projects", body, content_type="application/json", headers={name: value}),
            name,
            value,
        )


@pytest.mark.parametrize(
    "header", ["Bearer \x00", "Bearer ä", "Bearer " + "x" * 10_000, "Bearer tpa_\u202e", "\x7f", "Basic Og=="]
)
def test_no_credential_breaks_the_doors(header):
    client = Client(raise_request_exception=False, REMOTE_ADDR=str(uuid.uuid4()))
    assert client.get("/api/v1/projects", headers={"Authorization": header}).status_code == 401
