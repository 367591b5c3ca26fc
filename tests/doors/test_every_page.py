"""From door to door: everybody knocks at every page there is, and finds what is theirs and nothing else.

The doors come from the urlconf. A new page that only reads is tried without a word here; one that more than a viewer
must be for, or that changes something, is refused by these tests until its line stands in the tables below.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from tests import builders
from tests.doors.street import ROLES, Street, filled, street, undone
from tests.shared import built_once, fresh

pytestmark = pytest.mark.django_db

# Open to people who are not signed in. Links carry secrets, which tests/doors/test_people_pages.py tries.
OPEN = {"sign-in", "sign-out", "theme", "invitation-link", "password-link"}
# Streams are served before Django; tests/doors/test_live_*.py knock at them.
STREAMS = {"live", "live-run-log", "live-service-log"}
DEFINITION = "steps: [{name: dig, run: 'true'}]"
# Whom a page that is read needs, where a viewer is not enough.
READ = {
    "environment-new": "admin",
    "environment-settings": "admin",
    "environment-deletion": "admin",
    "environment-holds": "operator",
    "chain-removal": "admin",
    "configuration-import": "operator",
    "configuration-copy": "operator",
    "project-new": "admin",
    "project-settings": "admin",
    "project-deletion": "admin",
    "project-archival": "admin",
    "team-new": "admin",
    "team-settings": "admin",
    "team-deletion": "admin",
    "agent-new": "admin",
    "agent-settings": "admin",
    "agent-deletion": "admin",
    "app-new": "admin",
    "app-settings": "admin",
    "app-archival": "admin",
    "release-new": "operator",
    "workflow-new": "admin",
    "project-workflow-new": "admin",
    "workflow-settings": "admin",
    "workflow-archival": "admin",
    "workflow-run": "operator",
    "agent-run": "operator",
    "member-invite": "admin",
    "member-deactivation": "admin",
    "member-removal": "admin",
    "token-new": "admin",
    "token-revocation": "admin",
    "variable-new": "operator",
    "secret-new": "operator",
    "configuration-entry-edit": "operator",
    "configuration-entry-deletion": "operator",
    "configuration-version-restoration": "operator",
    "configuration-version-revocation": "operator",
    "configuration-version-destruction": "operator",
    "integration-new": "admin",
    "integration-settings": "admin",
    "integration-deletion": "admin",
    "secret-stores": "admin",
    "secret-store": "admin",
    "secret-store-new": "admin",
    "secret-store-settings": "admin",
    "secret-store-deletion": "admin",
    "secret-store-secret": "admin",
}
MOORED = {"holder": "app:{app_id}", "place": "{environment_id}"}
COPIED = {"key": "MOORING", "holder": "app:{app_id}", "from": "{environment_id}", "to": "{other_environment_id}"}
REDIS = {"type": "redis", "host": "127.0.0.1", "port": "9", "database": "0", "tls": "false"}
# Whom a page that changes something needs, and what is sent there.
AT_OURS = {"holder": "app:{app_id}", "place": "{environment_id}"}
CHANGE: dict[str, tuple[str, dict[str, Any]]] = {
    "chain-first": ("admin", {}),
    "chains": ("admin", {"name": "One", "new": "brandnew"}),
    "chain-removal": ("admin", {}),
    "chain-stages": ("admin", {"act": "add", "name": "Second", "new": "brandnew", "seen": "{chain_seen}"}),
    "configuration-import": ("operator", {**MOORED, "text": "DEPTH=3"}),
    "configuration-export": ("admin", MOORED),
    "configuration-compare": ("operator", {"ids": "{environment_id},{other_environment_id}", "holder": "app:{app_id}"}),
    "configuration-copy": ("operator", COPIED),
    "plans": ("operator", {"app": "{app_id}", "environment_id": "{environment_id}", "release": "{release_id}"}),
    "plan-values": (
        "operator",
        {
            "app": "{app_id}",
            "environment_id": "{environment_id}",
            "release": "{release_id}",
            "scope": "app-environment",
            "value:DEPTH": "3",
        },
    ),
    "environment-new": ("admin", {"name": "brandnew", "provisioner": "external"}),
    "environments-several": ("admin", {"act": "tag", "tag": "north", "id": "{environment_id}"}),
    "environment-wish": ("operator", {"wanted": "inactive"}),
    "environment-settings": ("admin", {"name": "renamed"}),
    "environment-deletion": ("admin", {"confirm": "lagoon", "force": "true"}),
    "environment-holds": ("operator", {"app": "{app_id}", "reason": "fog"}),
    "environment-restarts": ("operator", {"which": "{app_id}:web"}),
    "environment-worker-command": ("operator", {}),
    "hold-lifting": ("operator", {}),
    "run-cancellation": ("operator", {}),
    "run-retry": ("operator", {}),
    "undoing": ("operator", {}),
    "project-new": ("admin", {"key": "NEW", "name": "New"}),
    "project-settings": ("admin", {"name": "renamed", "version": "{project_seen}"}),
    "project-deletion": ("admin", {}),
    "project-archival": ("admin", {}),
    "project-restoration": ("admin", {}),
    "project-teams": ("admin", {"team": "coopers"}),
    "project-team-removal": ("admin", {}),
    "project-agents": ("admin", {"agent": "cooper"}),
    "project-agent-removal": ("admin", {}),
    "team-new": ("admin", {"name": "crew"}),
    "team-settings": ("admin", {"name": "renamed", "version": "{team_seen}"}),
    "team-deletion": ("admin", {}),
    "team-agents": ("admin", {"agent": "cooper"}),
    "team-agent-removal": ("admin", {}),
    "agent-new": ("admin", {"name": "crane"}),
    "agent-settings": ("admin", {"name": "renamed", "version": "{agent_seen}"}),
    "agent-deletion": ("admin", {}),
    "app-new": ("admin", {"name": "tug"}),
    "app-settings": ("admin", {"name": "renamed", "version": "{app_seen}"}),
    "app-archival": ("admin", {}),
    "app-restoration": ("admin", {}),
    "release-new": ("operator", {"version": "9", "manifest": builders.MANIFEST}),
    "workflow-new": ("admin", {"name": "salvage", "definition": DEFINITION}),
    "project-workflow-new": ("admin", {"name": "salvage", "definition": DEFINITION}),
    "workflow-settings": ("admin", {"name": "renamed", "definition": DEFINITION, "version": "{workflow_seen}"}),
    "workflow-archival": ("admin", {}),
    "workflow-restoration": ("admin", {}),
    "workflow-run": ("operator", {"environment": "lagoon"}),
    "agent-run": ("operator", {"environment": "lagoon", "input": "x"}),
    "sample": ("admin", {}),
    "member-grants": ("admin", {"role": "viewer", "environment": "lagoon"}),
    "member-grant-removal": ("admin", {}),
    "member-deactivation": ("admin", {}),
    "member-activation": ("admin", {}),
    "member-removal": ("admin", {}),
    "member-reset-link": ("admin", {}),
    "member-invite": ("admin", {"role": "viewer"}),
    "member-invitation-revocation": ("admin", {}),
    "token-new": ("admin", {"name": "lamp", "role": "viewer"}),
    "token-revocation": ("admin", {}),
    "variable-new": ("operator", {**AT_OURS, "key": "DEPTH", "type": "text", "value": "3"}),
    "secret-new": ("operator", {**AT_OURS, "key": "ANCHOR", "value": "deep"}),
    "configuration-entry-edit": ("operator", {"version": "{entry_seen}", "value": "dim"}),
    "configuration-entry-deletion": ("operator", {}),
    "configuration-entry-revealing": ("admin", {}),
    "configuration-version-restoration": ("operator", {}),
    "configuration-version-revocation": ("operator", {}),
    "configuration-version-destruction": ("operator", {}),
    "integration-new": ("admin", REDIS | {"name": "wharf"}),
    "integration-settings": ("admin", REDIS | {"name": "renamed", "version": "{integration_seen}"}),
    "integration-deletion": ("admin", {}),
    "integration-probe": ("operator", {"environment": "lagoon"}),
    "integration-enabling": ("operator", {"environment": "lagoon"}),
    "integration-disabling": ("operator", {"team": "{team_id}"}),
    "secret-store-new": (
        "admin",
        {"name": "chest", "address": "https://127.0.0.1:9", "auth": "token", "token": "t"},
    ),
    "secret-store-settings": (
        "admin",
        {"name": "renamed", "address": "https://127.0.0.1:9", "auth": "token", "version": "{store_seen}"},
    ),
    "secret-store-deletion": ("admin", {}),
    "secret-store-probe": ("admin", {}),
    "secret-store-secret": ("admin", {"key": "BRINE", "path": "sea", "field": "salt", "environment": "lagoon"}),
}
# What is sent there names the thing, not the address.
NAMING = {
    ("plans", "post"),
    ("integration-disabling", "post"),
    ("plan-values", "post"),
    ("environments-several", "post"),
    ("releases-chosen", "get"),
    ("variable-new", "post"),
    ("secret-new", "post"),
    *(
        (f"configuration-{page}", method)
        for page in ("import", "export", "compare", "copy")
        for method in ("get", "post")
    ),
}
# What the address of a page that is read says of our things.
ASKED: dict[str, dict[str, Any]] = {
    "configuration-import": MOORED,
    "configuration-export": MOORED,
    "configuration-compare": {"ids": ["{environment_id}", "{other_environment_id}"], "holder": "app:{app_id}"},
    "configuration-copy": COPIED,
    "environment-holds": {"app": "{app_id}"},
    "release-comparison": {"from": "{old_release_id}", "to": "{release_id}"},
    "configuration-key": {"app": "{app_id}", "environment": "lagoon"},
    "releases-chosen": {"release": ["{old_release_id}", "{release_id}"]},
}
# A place is typed there by its name: one that is not theirs is wrong, as any that is not there.
TYPED = {"integration-probe", "integration-enabling"}
# By these an address names what belongs to a project or an environment.
PLACED = {
    "environment_id", "app_id", "project_id", "release_id", "run_id", "hold_id", "event_id", "team_id", "agent_id",
    "entry_id", "key", "workflow_id",
}  # fmt: skip
# Everybody's own affairs.
OWN = {"account-password", "account-session-end", "account-sessions-end", "organization-choice"}


class Door(NamedTuple):
    name: str
    keywords: frozenset[str]

    def address(self, things: dict[str, Any]) -> str:
        given = {name: _fragment(self.name) if name == "part" else things[name] for name in self.keywords}
        return reverse(self.name, kwargs=given)


def _fragment(name: str) -> str:
    return {"environment-part": "releases", "run-part": "steps"}[name]


def doors() -> list[Door]:
    """Every page of the urlconf; REST, health and the records that staff see have tests of their own."""
    return sorted(Door(one.name, frozenset(one.pattern.converters)) for one in _patterns(get_resolver()))


def _patterns(resolver: URLResolver, prefix: str = "") -> Iterator[URLPattern]:
    for one in resolver.url_patterns:
        path = prefix + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from _patterns(one, path)
        elif not path.startswith(("api/", "admin/")) and path not in {"livez", "readyz"}:
            yield one


def knock(client: Client, method: str, door: Door, ours: Street) -> Any:
    table = CHANGE.get(door.name, ("", {}))[1] if method == "post" else ASKED.get(door.name, {})
    sent = {name: filled(value, ours) for name, value in table.items()}
    return getattr(client, method)(door.address(ours.things), sent)


built = built_once(street)


@pytest.fixture
def ours(built: Street) -> Street:
    return fresh(built)


GUARDED = [one for one in doors() if one.name not in OPEN | STREAMS]


def test_every_door_has_a_name_and_the_tables_name_doors_that_are_there() -> None:
    names = {one.name for one in doors()}
    assert None not in names and len(GUARDED) > 50
    assert names >= OPEN | STREAMS | OWN | set(READ) | set(CHANGE) | set(ASKED)


def test_who_is_not_signed_in_is_led_to_signing_in_everywhere(ours: Street) -> None:
    before, client = ours.events(), ours.browser("nobody")
    for door in GUARDED:
        for method in ("get", "post"):
            answer = knock(client, method, door, ours)
            led = answer.status_code == 302 and answer["Location"].startswith("/sign-in")
            assert led or answer.status_code == 405, (door.name, method, answer.status_code)
    assert ours.events() == before


def test_who_belongs_to_another_organization_finds_none_of_our_things(ours: Street) -> None:
    before, client = ours.events(), ours.browser("stranger")
    for door in GUARDED:
        for method in ("get", "post"):
            with undone():
                answer = knock(client, method, door, ours)
                about_ours = door.keywords or (door.name, method) in NAMING
                if about_ours:
                    assert answer.status_code in {404, 405}, (door.name, method, answer.status_code)
                read = {one for one in ours.marks if re.search(rf"(?<![-\w]){re.escape(one)}(?![-\w])", _words(answer))}
                assert read <= _sent(door, ours), (door.name, method, read)
                assert ours.events() == before, door.name


def _words(answer: Any) -> str:
    return answer.content.decode() if answer.get("Content-Type", "").startswith("text/html") else ""


def _sent(door: Door, ours: Street) -> set[str]:
    """What the one who knocks has said themselves may be said again."""
    said = [door.address(ours.things), *(CHANGE.get(door.name, ("", {}))[1].values())]
    said += [
        word for value in ASKED.get(door.name, {}).values() for word in (value if isinstance(value, list) else [value])
    ]
    return {one for one in ours.marks if any(one in filled(word, ours) for word in said)}


def test_nothing_is_changed_by_a_form_that_another_site_sends(ours: Street) -> None:
    before, client = ours.events(), Client(enforce_csrf_checks=True)
    client.force_login(ours.people["owner"].user)
    for door in doors():
        if door.name in CHANGE or door.name in OWN or door.name in {"sign-in", "sign-out", "theme"}:
            answer = knock(client, "post", door, ours)
            assert answer.status_code == 403 and "This form is no longer valid" in answer.content.decode(), door.name
    assert ours.events() == before and client.get("/").status_code == 200


@pytest.mark.parametrize("role", ROLES)
def test_every_page_is_read_by_whom_it_is_for(ours: Street, role: str) -> None:
    client = ours.browser(role)
    for door in GUARDED:
        answer = knock(client, "get", door, ours)
        may = ROLES.index(role) >= ROLES.index(READ.get(door.name, "viewer"))
        expected = {200, 302, 404, 405} if may else {403}
        if door.name not in {"plan-draft", "organization-choice"}:
            expected -= {404}
        assert answer.status_code in expected, (door.name, answer.status_code)


@pytest.mark.parametrize("role", ROLES)
def test_every_change_is_made_by_whom_it_is_for(ours: Street, role: str) -> None:
    client, before = ours.browser(role), ours.events()
    for door in GUARDED:
        with undone():
            answer = knock(client, "post", door, ours)
            if answer.status_code == 405 or door.name in OWN:
                assert door.name not in CHANGE, f"{door.name} takes no POST"
                continue
            assert door.name in CHANGE, f"{door.name} changes something: say above whom it needs and what is sent there"
            if ROLES.index(role) >= ROLES.index(CHANGE[door.name][0]):
                assert answer.status_code not in {403, 404, 500}, (door.name, answer.status_code)
            else:
                assert answer.status_code == 403, (door.name, answer.status_code)
                assert ours.events() == before, door.name


def test_an_owners_changes_are_carried_out(ours: Street) -> None:
    """Or else the doors above would be refused for what was sent, and not for who sent it."""
    client, refused = ours.browser("owner"), {}
    for door in GUARDED:
        if door.name in CHANGE:
            with undone():
                before = ours.events()
                answer = knock(client, "post", door, ours)
                if answer.status_code not in {200, 302} or ours.events() == before:
                    refused[door.name] = answer.status_code
    assert set(refused) <= {
        "app-archival",  # a deployment is on its way
        "app-restoration",  # is not archived
        "project-restoration",  # nor is it
        "chain-first",  # there is a chain
        "configuration-import",  # it is a preview that comes first
        "chains",
        "environment-settings",  # without the version that was seen
        "environment-deletion",  # a stage of the chain holds it
        "environment-holds",  # there is one
        "environment-restarts",  # nothing was observed there
        "environment-wish",  # a deployment is on its way
        "integration-deletion",  # it is enabled somewhere
        "member-activation",  # is active
        "plans",  # a deployment is on its way
        "project-deletion",  # something was released in it
        "run-retry",  # it is queued
        "workflow-restoration",  # is not archived
    }, refused


def test_who_may_act_elsewhere_only_finds_nothing_here(ours: Street) -> None:
    before, client = ours.events(), ours.browser("limited")
    for door in GUARDED:
        for method in ("get", "post"):
            with undone():
                answer = knock(client, method, door, ours)
                if door.keywords & PLACED or (door.name, method) in NAMING:
                    assert answer.status_code in {404, 405}, (door.name, method, answer.status_code)
                elif method == "post" and door.name in CHANGE:
                    refused = 422 if door.name in TYPED else 403
                    assert answer.status_code == refused, (door.name, answer.status_code)
                assert door.name in OWN or ours.events() == before, door.name


def test_who_has_no_role_any_more_finds_empty_pages_and_none_of_our_things(ours: Street) -> None:
    before, client = ours.events(), ours.browser("idle")
    for door in GUARDED:
        for method in ("get", "post"):
            with undone():
                answer = knock(client, method, door, ours)
                assert answer.status_code < 500, (door.name, method)
                if door.keywords & PLACED or (door.name, method) in NAMING:
                    assert answer.status_code in {404, 405}, (door.name, method, answer.status_code)
                elif method == "post" and door.name in CHANGE:
                    assert answer.status_code == (404 if door.name in TYPED else 403), (door.name, answer.status_code)
                assert not {"lagoon", "ferry", "HARBOUR"} & set(re.findall(r"\w+", _words(answer))) - _sent(door, ours)
                assert door.name in OWN or ours.events() == before, door.name
