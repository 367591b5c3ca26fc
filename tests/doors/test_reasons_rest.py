"""Why something is changed, door by door of REST: every operation that changes something takes it, and tells it."""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from environments.management.commands import openapi
from projects.models import Event
from tests.doors.rest import delete, fields, get, is_problem, post
from tests.doors.street import Street, filled, street, undone
from tests.doors.test_every_operation import CHANGE, OURS, Operation
from tests.shared import built_once, fresh

pytestmark = pytest.mark.django_db

WHY = {"reason": "the tide turns", "link": "https://tickets.example.org/T-7"}
BAD = {"link": "javascript:alert(1)"}
# What workers report of themselves; a person has these doors only to try them.
REPORTS = {"register", "heartbeat", "heartbeat_of", "disconnect"}
CHANGING = [one for one in OURS if one.method != "get" and one.name not in REPORTS]


built = built_once(street)


@pytest.fixture
def ours(built: Street) -> Street:
    return fresh(built)


def ask(client: Client, operation: Operation, ours: Street, why: dict[str, str]) -> Any:
    address, sent = operation.address(ours.things), CHANGE[operation.name][1]
    if operation.name == "upload_artifact":
        return client.post(address, {"file": SimpleUploadedFile("a.tar", b"no archive"), **why})
    if operation.method == "delete":
        return client.delete(address, query_params=why)
    body = {name: filled(value, ours) for name, value in sent.items()}
    return getattr(client, operation.method)(address, body | why, content_type="application/json")


def test_the_document_offers_reason_and_link_wherever_something_is_changed() -> None:
    document = json.loads(openapi.document())
    told = {
        one["operationId"]: (one, method) for methods in document["paths"].values() for method, one in methods.items()
    }
    assert len(CHANGING) > 25
    for operation in CHANGING:
        one, method = told[operation.name]
        if method == "delete":
            taken = {each["name"] for each in one["parameters"] if each["in"] == "query"}
        else:
            (content,) = one["requestBody"]["content"].values()
            schema = content["schema"]
            # A body that may be left out is the one of its choices that is no null.
            schema = next((one for one in schema.get("anyOf", ()) if "$ref" in one), schema)
            name = schema.get("$ref", "").rpartition("/")[2]
            taken = set((document["components"]["schemas"][name] if name else schema)["properties"])
        assert taken >= set(WHY), operation.name


def test_every_change_tells_why_it_was_made(ours: Street) -> None:
    client, silent = ours.script("owner"), {}
    for operation in CHANGING:
        with undone():
            before = ours.events()
            answer = ask(client, operation, ours, WHY)
            told = Event.objects.filter(organization_id=ours.house.organization.pk).order_by("-number")
            made = list(told[: ours.events() - before])
            if not made:
                silent[operation.name] = answer.status_code
            else:  # what else comes of it may have a reason of its own
                assert any(WHY.items() <= event.data.items() for event in made), (operation.name, made)
    assert silent == {
        "create_chain": 422,  # without stages
        "create_deployment": 409,
        "create_plan": 201,  # is kept with the plan, and told once it is carried out
        "create_promotion": 409,
        "create_removal": 409,
        "create_rollback": 409,
        "delete_environment": 409,  # a stage holds it
        "delete_integration": 409,  # it is enabled
        "delete_project": 409,
        "archive_app": 409,
        "add_agent": 409,  # it is in a team already
        "assign_agent": 409,
        "assign_team": 409,
        "restore_project": 200,  # is not archived
        "restore_workflow": 200,
        "restore_app": 200,  # is not archived
        "place_hold": 409,  # there is one
        "restart_service": 409,
        "retry_run": 409,
        "start_environment": 200,  # it runs
        "stop_environment": 409,
        "upload_artifact": 422,
    }


def test_a_link_that_leads_nowhere_is_refused_and_nothing_is_changed(ours: Street) -> None:
    client, before = ours.script("owner"), ours.events()
    for operation in CHANGING:
        answer = ask(client, operation, ours, BAD)
        assert is_problem(answer, 422) and "link" in fields(answer), operation.name
        assert ours.events() == before, operation.name


def test_a_reason_that_is_no_reason_is_refused(ours: Street) -> None:
    client, environment = ours.script("owner"), ours.things["environment_id"]
    assert fields(delete(client, f"/environments/{environment}?reason={'x' * 4001}")) == {"reason"}
    assert fields(post(client, f"/environments/{environment}/stop", {"reason": 5})) == {"reason"}
    assert fields(post(client, f"/environments/{environment}/stop", {"wish": "x"})) == {"wish"}


def test_the_events_are_told_with_reason_and_link(ours: Street) -> None:
    client = ours.script("owner")
    delete(client, f"/holds/{ours.things['hold_id']}?reason=fog+lifts&link=https://tickets.example.org/T-9")
    (told,) = get(client, "/events?kind=hold.lifted").json()
    assert (told["reason"], told["link"], told["undoes"]) == ("fog lifts", "https://tickets.example.org/T-9", None)
    assert told["sentence"] == "Hold on ferry in lagoon lifted: fog lifts."
    assert get(ours.script("stranger"), "/events?kind=hold.lifted").json() == []


def test_a_worker_token_that_is_read_says_why(ours: Street) -> None:
    client, environment = ours.script("operator"), ours.things["environment_id"]
    assert fields(get(client, f"/environments/{environment}/worker-command?link=x")) == {"link"}
    get(client, f"/environments/{environment}/worker-command?reason=a+second+host")
    assert Event.objects.get(kind="worker_token.read").data["reason"] == "a second host"
