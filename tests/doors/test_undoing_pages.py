"""Undo where it can be undone: the message after a change offers it, as a form that needs no script."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from environments import lifecycle
from environments.models import Environment, Hold
from projects.models import Event, Grant
from tests.doors.street import Street, street
from tests.doors.visiting import HTMX

pytestmark = pytest.mark.django_db


@pytest.fixture
def ours() -> Street:
    return street()


def offer(client: Client, page: str) -> str:
    """Where the message on this page offers to undo, or nothing."""
    shown = client.get(page).content.decode()
    found = re.search(r'(?s)class="toast[^>]*>.*?<form method="post" action="(/events/\d+/undoing)[^"]*"', shown)
    return found[1] if found else ""


def test_a_lifted_hold_is_placed_again_by_a_click(ours: Street) -> None:
    client = ours.browser("operator")
    answer = client.post(f"/holds/{ours.things['hold_id']}/lifting")
    address = offer(client, answer["Location"])

    undone = client.post(address)

    assert undone["Location"] == reverse("environment", args=[ours.things["environment_id"]])
    assert Hold.objects.filter(lifted_at=None, slot__app=ours.things["app_id"]).exists()
    assert "Undone: Hold on ferry in lagoon lifted." in client.get(undone["Location"]).content.decode()


def test_what_has_moved_on_is_refused_with_a_sentence(ours: Street) -> None:
    client = ours.browser("operator")
    address = offer(client, client.post(f"/holds/{ours.things['hold_id']}/lifting")["Location"])
    client.post(address)
    before = ours.events()

    again = client.post(address)

    assert again.status_code == 409 and "was held in lagoon again meanwhile" in again.content.decode()
    assert ours.events() == before


def test_a_hold_placed_in_the_sheet_offers_it_in_the_message(ours: Street) -> None:
    client = ours.browser("operator")
    client.post(f"/holds/{ours.things['hold_id']}/lifting")
    client.get("/")
    given = {"app": ours.things["app_id"], "reason": "fog"}
    drawn = client.post(f"/environments/{ours.things['environment_id']}/holds", given, headers=HTMX)
    placed = Event.objects.filter(kind="hold.placed").latest("number")
    assert f'action="/events/{placed.pk}/undoing"' in drawn.content.decode()


def test_an_environment_stopped_with_script_offers_it_too(ours: Street) -> None:
    client, house = ours.browser("owner"), ours.house
    environment = house.environment("quay")
    drawn = client.post(f"/environments/{environment.pk}/wish", {"wanted": "inactive"}, headers=HTMX)
    found = re.search(
        r'id="toasts" hx-swap-oob="beforeend".*?action="(/events/\d+/undoing)"', drawn.content.decode(), re.S
    )
    assert found
    client.post(found[1])
    assert Environment.objects.get(pk=environment.pk).wanted == "active"


def test_a_stage_that_was_removed_comes_back(ours: Street) -> None:
    client, chain = ours.browser("admin"), ours.things["chain_id"]
    given = {"act": "add", "name": "Second", "new": "brandnew", "seen": ours.things["chain_seen"]}
    address = offer(client, client.post(f"/chains/{chain}/stages", given)["Location"])
    client.post(address)
    assert "Second" not in client.get(reverse("chain-of-project", args=[chain])).content.decode().partition("toasts")[0]


def test_settings_saved_without_a_change_offer_nothing(ours: Street) -> None:
    client, environment = ours.browser("admin"), Environment.objects.get(pk=ours.things["environment_id"])
    form = {"name": "lagoon", "display_name": "", "tier": environment.tier, "version": lifecycle.version(environment)}
    page = f"/environments/{environment.pk}/settings"
    assert offer(client, client.post(page, form)["Location"]) == ""
    changed = client.post(page, form | {"description": "deep", "reason": "a chart"})
    client.post(offer(client, changed["Location"]), {"reason": "the chart was wrong"})
    environment.refresh_from_db()
    assert environment.description == ""
    event = Event.objects.filter(kind="environment.updated").latest("number")
    assert event.data["reason"] == "the chart was wrong" and event.data["undoes"]


def test_a_role_taken_away_is_given_back(ours: Street) -> None:
    client, member = ours.browser("admin"), ours.things["member_id"]
    taken = client.post(f"/members/{member}/grants/{ours.things['grant_id']}/removal")
    client.post(offer(client, taken["Location"]))
    assert Grant.objects.get(membership=member).role == "viewer"


def test_what_cannot_be_undone_offers_nothing_and_says_so_before(ours: Street) -> None:
    client = ours.browser("owner")
    pages = (f"/tokens/{ours.things['token_id']}/revocation", f"/members/{ours.things['member_id']}/removal")
    for page in (*pages, f"/environments/{ours.things['environment_id']}/deletion"):
        assert "cannot be undone" in client.get(page).content.decode(), page
    for page in pages:
        assert offer(client, client.post(page)["Location"]) == ""


def test_nobody_else_undoes_it(ours: Street) -> None:
    address = f"/events/{ours.things['event_id']}/undoing"
    assert ours.browser("viewer").post(address).status_code == 403
    assert ours.browser("stranger").post(address).status_code == 404
    assert ours.browser("limited").post(address).status_code == 404
    assert ours.browser("owner").get(address).status_code == 405
    assert ours.browser("owner").post(f"/events/{10**30}/undoing").status_code == 404
    assert Hold.objects.filter(pk=ours.things["hold_id"], lifted_at=None).exists()
