"""From door to door of REST: every operation of the OpenAPI document, tried by everybody.

A new operation that reads is tried without a word here; one that changes something is refused by these tests until its
line stands in the table below.
"""

import json
import re
import uuid
from typing import Any, NamedTuple

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from environments.management.commands import openapi
from tests import builders
from tests.doors.rest import is_problem
from tests.doors.street import ROLES, STEPS, Street, filled, street, undone
from tests.shared import built_once, fresh

pytestmark = pytest.mark.django_db

# Which of our things `{id}` is, by the word before it.
NOUNS = {
    "agents": "agent_id",
    "apps": "app_id",
    "artifacts": "artifact_id",
    "chains": "chain_id",
    "deployments": "deployment_id",
    "environments": "environment_id",
    "events": "event_mark",
    "holds": "hold_id",
    "integrations": "integration_id",
    "invitations": "invitation_id",
    "members": "member_id",
    "organizations": "organization_id",
    "plans": "plan_id",
    "projects": "project_id",
    "releases": "release_id",
    "runs": "run_id",
    "secrets": "secret_id",
    "teams": "team_id",
    "secret-stores": "store_id",
    "tokens": "token_id",
    "variables": "variable_id",
    "workers": "worker_id",
    # What configuration is resolved for.
    "agent": "agent_id",
    "environment": "environment_id",
    "project": "project_id",
    "team": "team_id",
    "workflows": "workflow_id",
}
PLACED = {"app_id": "{app_id}", "environment_id": "{environment_id}"}
# Whom an operation that changes something needs, and what is sent.
CHANGE: dict[str, tuple[str, dict[str, Any]]] = {
    "create_app": ("admin", {"project_id": "{project_id}", "name": "tug"}),
    "archive_app": ("admin", {}),
    "restore_app": ("admin", {}),
    "undo_event": ("operator", {}),
    "update_app": ("admin", {"description": "x"}),
    "upload_artifact": ("operator", {}),
    "cut_release": ("operator", {"version": "9", "manifest": builders.MANIFEST}),
    "create_chain": ("admin", {"name": "One", "project_id": "{project_id}", "stages": []}),
    "delete_chain": ("admin", {}),
    "update_chain": ("admin", {"name": "Renamed"}),
    "create_deployment": ("operator", {"plan_id": "{plan_id}"}),
    "create_environment": ("admin", {"name": "brandnew", "provisioner": "external"}),
    "act_on_environments": ("admin", {"act": "tag", "tag": "north", "ids": ["{environment_id}"]}),
    "delete_environment": ("admin", {}),
    "update_environment": ("admin", {"description": "x"}),
    "restart_service": ("operator", {"app_id": "{app_id}", "service": "web"}),
    "start_environment": ("operator", {}),
    "stop_environment": ("operator", {}),
    "place_hold": ("operator", PLACED),
    "lift_hold": ("operator", {}),
    "add_member": ("admin", {"username": "newcomer", "password": builders.PASSWORD, "role": "viewer"}),
    "remove_member": ("admin", {}),
    "create_invitation": ("admin", {"role": "viewer", "environment_id": "{environment_id}"}),
    "revoke_invitation": ("admin", {}),
    "copy_key": (
        "operator",
        {
            "key": "MOORING",
            "app_id": "{app_id}",
            "from_environment_id": "{environment_id}",
            "to_environment_id": "{other_environment_id}",
        },
    ),
    "import_configuration": ("operator", {**PLACED, "text": "DEPTH=3"}),
    "create_plan": ("operator", {**PLACED, "release_id": "{release_id}"}),
    "create_project": ("admin", {"key": "NEW", "name": "New"}),
    "delete_project": ("admin", {}),
    "archive_project": ("admin", {}),
    "restore_project": ("admin", {}),
    "assign_team": ("admin", {"team_id": "{team_id}"}),
    "assign_agent": ("admin", {"agent_id": "{agent_id}"}),
    "take_team_off": ("admin", {}),
    "take_agent_off": ("admin", {}),
    "create_team": ("admin", {"name": "crew"}),
    "update_team": ("admin", {"description": "x"}),
    "delete_team": ("admin", {}),
    "add_agent": ("admin", {}),
    "take_agent_out": ("admin", {}),
    "create_agent": ("admin", {"name": "crane"}),
    "update_agent": ("admin", {"description": "x"}),
    "delete_agent": ("admin", {}),
    "update_project": ("admin", {"description": "x"}),
    "create_promotion": ("operator", {**PLACED, "release_id": "{release_id}"}),
    "create_removal": ("operator", PLACED),
    "create_rollback": ("operator", PLACED),
    "cancel_run": ("operator", {}),
    "retry_run": ("operator", {}),
    "create_variable": ("operator", {"key": "NEW", "value": "x", "app_id": "{app_id}"}),
    "update_variable": ("operator", {"value": "y"}),
    "delete_variable": ("operator", {}),
    "restore_variable": ("operator", {}),
    "create_secret": ("operator", {"key": "NEW", "value": "x", "app_id": "{app_id}"}),
    "update_secret": ("operator", {"value": "y"}),
    "delete_secret": ("operator", {}),
    "restore_secret": ("operator", {}),
    "revoke_secret_version": ("operator", {}),
    "create_workflow": ("admin", {"project_id": "{project_id}", "name": "salvage", "steps": STEPS}),
    "update_workflow": ("admin", {"description": "x"}),
    "archive_workflow": ("admin", {}),
    "restore_workflow": ("admin", {}),
    "run_workflow": ("operator", {"environment_id": "{environment_id}"}),
    "run_agent": ("operator", {"environment_id": "{environment_id}", "input": "x"}),
    "create_token": ("admin", {"name": "lamp", "role": "viewer"}),
    "revoke_token": ("admin", {}),
    "create_secret_store": (
        "admin",
        {"name": "chest", "address": "https://127.0.0.1:9", "auth": "token", "token": "t"},
    ),
    "update_secret_store": ("admin", {"mount": "kv"}),
    "delete_secret_store": ("admin", {}),
    "probe_secret_store": ("admin", {}),
    "create_integration": ("admin", {"name": "wharf", "type": "redis", "settings": {"host": "127.0.0.1"}}),
    "update_integration": ("admin", {"description": "x"}),
    "delete_integration": ("admin", {}),
    "probe_integration": ("operator", {"environment_id": "{environment_id}"}),
    "register": ("operator", {"environment_name": "lagoon", "hostname": "h"}),
    "heartbeat": ("operator", {"worker_id": "{worker_id}"}),
    "heartbeat_of": ("operator", {}),
    "disconnect": ("operator", {}),
}
# What an operation that reads is asked about.
IN_PLACE = {"environment": "{environment_id}", "project": "{project_id}"}
ASKED: dict[str, dict[str, Any]] = {
    "compare_environments": {"ids": ["{environment_id}", "{other_environment_id}"], "app": "{app_id}"},
    "compare_releases": {"from": "{old_release_id}", "to": "{release_id}"},
    "export_configuration": PLACED,
    "reveal_secret": {"environment": "{environment_id}", "app": "{app_id}"},
    "get_resolved": IN_PLACE,
    "get_resolved_in_full": IN_PLACE,
    "explain_resolved": IN_PLACE,
    "resolve_context": IN_PLACE,
}
# Reading that is more than a viewer's.
READ = {
    "get_worker_command": "operator",
    "get_invitation": "admin",
    "reveal_secret": "admin",
    "get_secret_store": "admin",
}
# What only a worker's session reaches (tests/doors/test_worker_protocol.py), and what is never there.
ELSEWHERE = {"claim"}


class Operation(NamedTuple):
    name: str
    method: str
    path: str
    by_session: bool

    @property
    def noun(self) -> str:
        return self.path.partition("/{id}")[0].rsplit("/", 1)[-1] if "{id}" in self.path else ""

    def address(self, things: dict[str, Any]) -> str:
        path = self.path.replace("{n}", "1").replace("{name}", "BUOY")
        if not self.noun:
            return path
        path = path.replace("{id}", str(things.get(NOUNS[self.noun]) or uuid.uuid4()))
        return re.sub(r"\{(\w+_id)\}", lambda found: str(things[found[1]]), path)


def operations() -> list[Operation]:
    found = []
    for path, methods in json.loads(openapi.document())["paths"].items():
        for method, told in methods.items():
            by_session = any("SessionAuth" in one for one in told.get("security", []))
            for kind in _kinds(told):
                found.append(Operation(told["operationId"], method, path.replace("{kind}", kind), by_session))
    return sorted(found)


def _kinds(told: dict[str, Any]) -> list[str]:
    """An operation whose address begins with one of several words is tried with each."""
    named = [one["schema"] for one in told.get("parameters", []) if (one["in"], one["name"]) == ("path", "kind")]
    return list(named[0]["enum"]) if named else [""]


EVERY = [one for one in operations() if one.name not in ELSEWHERE]
OURS = [one for one in EVERY if not one.by_session]


def knock(client: Client, operation: Operation, ours: Street, things: dict[str, Any] | None = None) -> Any:
    sent = CHANGE.get(operation.name, ("", {}))[1]
    address = operation.address(things or ours.things)
    if operation.name == "upload_artifact":
        return client.post(address, {"file": SimpleUploadedFile("a.tar", b"no archive")})
    if operation.method == "get":
        return client.get(address, {name: filled(value, ours) for name, value in ASKED.get(operation.name, {}).items()})
    body = {name: filled(value, ours) for name, value in sent.items()}
    if operation.method == "delete":
        return client.delete(address)
    return getattr(client, operation.method)(address, body, content_type="application/json")


built = built_once(street)


@pytest.fixture
def ours(built: Street) -> Street:
    return fresh(built)


def test_every_operation_that_changes_something_says_above_whom_it_needs() -> None:
    assert len(OURS) > 60
    changing = {one.name for one in OURS if one.method != "get"}
    assert changing == set(CHANGE) and set(READ) | set(ASKED) <= {one.name for one in OURS}
    assert {one.noun for one in EVERY if one.noun} <= set(NOUNS)


def test_nobody_is_answered_without_a_token(ours: Street) -> None:
    before, client = ours.events(), ours.script("nobody")
    for operation in EVERY:
        assert is_problem(knock(client, operation, ours), 401), operation
    assert ours.events() == before


def test_a_persons_session_opens_no_operation(ours: Street) -> None:
    before, client = ours.events(), ours.browser("owner")
    for operation in EVERY:
        assert knock(client, operation, ours).status_code == 401, operation
    assert ours.events() == before


def test_another_organizations_token_finds_none_of_our_things(ours: Street) -> None:
    before, client = ours.events(), ours.script("stranger")
    unknown = {name: uuid.uuid4() for name in ours.things}
    for operation in EVERY:
        with undone():
            answer = knock(client, operation, ours)
            read = {one for one in ours.marks if re.search(rf"(?<![-\w]){re.escape(one)}", _text(answer))}
            assert not read, (operation, read)
            if operation.noun:
                assert answer.status_code in {401, 404, 422}, (operation, answer.status_code)
                # Nothing tells ours from what was never there.
                other = knock(client, operation, ours, unknown)
                assert (other.status_code, _text(other)) == (answer.status_code, _text(answer)), operation
            elif set(PLACED) & set(CHANGE.get(operation.name, ("", {}))[1]):
                assert answer.status_code == 404, (operation, answer.status_code)
            assert ours.events() == before, operation


def _text(answer: Any) -> str:
    return b"".join(answer).decode() if answer.streaming else answer.content.decode()


@pytest.mark.parametrize("role", ROLES)
def test_every_operation_serves_whom_it_is_for(ours: Street, role: str) -> None:
    before, client = ours.events(), ours.script(role)
    for operation in OURS:
        with undone():
            answer = knock(client, operation, ours)
            least = CHANGE.get(operation.name, (READ.get(operation.name, "viewer"), {}))[0]
            if ROLES.index(role) >= ROLES.index(least):
                assert answer.status_code not in {401, 403, 500}, (operation, answer.content)
                # No artifact was uploaded, and a stream is served before Django.
                there = operation.noun != "artifacts" and operation.name != "describe_events"
                assert answer.status_code != 404 or not there, (operation, answer.content)
            else:
                assert is_problem(answer, 403), operation
                assert ours.events() == before, operation


@pytest.mark.parametrize("who", ["limited", "idle"])
def test_who_may_act_elsewhere_only_or_nowhere_finds_nothing_here(ours: Street, who: str) -> None:
    before, client = ours.events(), ours.script(who)
    shared = {"chains", "integrations", "invitations", "members", "organizations", "secret-stores", "tokens"}
    for operation in OURS:
        with undone():
            answer = knock(client, operation, ours)
            if operation.noun and operation.noun not in shared:
                assert answer.status_code == 404, (operation, answer.status_code)
            elif operation.name in CHANGE:
                assert answer.status_code in {403, 404}, (operation, answer.content)
            assert ours.events() == before, operation
            hidden = {
                str(ours.things[name]) for name in ("app_id", "environment_id", "release_id", "run_id", "hold_id")
            }
            assert not {one for one in hidden if one in _text(answer)}, operation
