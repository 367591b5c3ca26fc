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

pytestmark = pytest.mark.django_db

# Open to people who are not signed in. Links carry secrets, which tests/doors/test_people_pages.py tries.
OPEN = {"sign-in", "sign-out", "theme", "invitation-link", "password-link"}
# Streams are served before Django; tests/doors/test_live_*.py knock at them.
STREAMS = {"live", "live-run-log", "live-service-log"}
# Whom a page that is read needs, where a viewer is not enough.
READ = {
    "environment-new": "admin",
    "environment-settings": "admin",
    "environment-deletion": "admin",
    "environment-holds": "operator",
    "chain-removal": "admin",
    "project-new": "admin",
    "app-new": "admin",
    "release-new": "operator",
    "member-invite": "admin",
    "member-deactivation": "admin",
    "member-removal": "admin",
    "token-new": "admin",
    "token-revocation": "admin",
}
# Whom a page that changes something needs, and what is sent there.
CHANGE: dict[str, tuple[str, dict[str, Any]]] = {
    "chain-first": ("admin", {}),
    "chains": ("admin", {"name": "One", "new": "brandnew"}),
    "chain-removal": ("admin", {}),
    "chain-stages": ("admin", {"act": "add", "name": "Second", "new": "brandnew", "seen": "{chain_seen}"}),
    "plans": ("operator", {"app": "{app_id}", "environment_id": "{environment_id}", "release": "{release_id}"}),
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
    "app-new": ("admin", {"name": "tug"}),
    "release-new": ("operator", {"version": "9", "manifest": builders.MANIFEST}),
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
}
# What is sent there names the thing, not the address.
NAMING = {("plans", "post"), ("environments-several", "post"), ("releases-chosen", "get")}
# What the address of a page that is read says of our things.
ASKED: dict[str, dict[str, Any]] = {
    "environment-holds": {"app": "{app_id}"},
    "release-comparison": {"from": "{old_release_id}", "to": "{release_id}"},
    "releases-chosen": {"release": ["{old_release_id}", "{release_id}"]},
}
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


@pytest.fixture
def ours() -> Street:
    return street()


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
        "chain-first",  # there is a chain
        "chains",
        "environment-settings",  # without the version that was seen
        "environment-deletion",  # a stage of the chain holds it
        "environment-holds",  # there is one
        "environment-restarts",  # nothing was observed there
        "environment-wish",  # a deployment is on its way
        "member-activation",  # is active
        "plans",  # a deployment is on its way
        "run-retry",  # it is queued
    }, refused


def test_who_may_act_elsewhere_only_finds_nothing_here(ours: Street) -> None:
    before, client = ours.events(), ours.browser("limited")
    placed = {"environment_id", "app_id", "project_id", "release_id", "run_id", "hold_id", "event_id"}
    for door in GUARDED:
        for method in ("get", "post"):
            with undone():
                answer = knock(client, method, door, ours)
                if door.keywords & placed or (door.name, method) in NAMING:
                    assert answer.status_code in {404, 405}, (door.name, method, answer.status_code)
                elif method == "post" and door.name in CHANGE:
                    assert answer.status_code == 403, (door.name, answer.status_code)
                assert door.name in OWN or ours.events() == before, door.name
