"""Undo where it can be undone: the message after a change offers it, as a form that needs no script."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from environments import lifecycle, undoing
from environments.delivery import archivals, chains, holds
from environments.models import Environment, Hold, State
from projects import apps, grants, history, memberships
from projects import lifecycle as projects
from projects.access import Actor
from projects.errors import Refused
from projects.models import Event, Grant
from tests.doors.street import Street, street, undone
from tests.doors.visiting import HTMX, statements
from tests.shared import built_once, fresh

pytestmark = pytest.mark.django_db


built = built_once(street)


@pytest.fixture
def ours(built: Street) -> Street:
    return fresh(built)


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


def test_an_archived_app_is_restored_by_a_click_and_archived_by_another(ours: Street) -> None:
    client, app = ours.browser("admin"), ours.house.app("tug")
    archived = client.post(f"/apps/{app.id}/archival", {"reason": "too slow"})
    assert Event.objects.get(kind="app.archived").data["reason"] == "too slow"

    restored = client.post(offer(client, archived["Location"]))

    assert restored["Location"] == reverse("app", args=[app.id])
    app.refresh_from_db()
    assert app.archived_at is None
    client.get(client.post(f"/apps/{app.id}/archival")["Location"])
    client.post(offer(client, client.post(f"/apps/{app.id}/restoration")["Location"]))
    app.refresh_from_db()
    assert app.archived_at is not None


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


def much_done(ours: Street) -> None:
    """Things done, done again and done over, so that of each kind something is too late to be undone."""
    house, app = ours.house, ours.house.app("tug")
    here, there = (Environment.objects.get(pk=ours.things["environment_id"]), house.environment("quay"))
    held = Hold.objects.get(pk=ours.things["hold_id"])
    holds.lift(held, by=house.owner)
    holds.place(held.slot.app, here, by=house.owner)
    for describe in ("deep", "deeper"):
        lifecycle.update(here, by=house.owner, description=describe)
    lifecycle.update(there, by=house.owner, description="wide")
    lifecycle.update(there, by=house.owner, protected=True)
    gone = house.environment("gone")
    lifecycle.update(gone, by=house.owner, description="soon")
    lifecycle.delete(gone, by=house.owner)
    dry = house.environment("drydock")
    Environment.objects.filter(pk=dry.pk).update(state=State.STOPPED, wanted="inactive")
    lifecycle.start(dry, by=house.owner)
    lifecycle.stop(there, by=house.owner)
    archivals.archive(app, by=house.owner)
    apps.restore(app, by=house.owner)
    archivals.archive(app, by=house.owner)
    for name in ("Tug I", "Tug II"):
        apps.update(apps.locked(app), by=house.owner, repository_url=f"https://example.org/{name[-1]}")
        projects.update(projects.locked(app.project), by=house.owner, name=name)
    member = memberships.find(house.owner, str(ours.things["member_id"]))
    for role in ("operator", "admin"):
        grants.give(member, by=house.owner, role=role)
    grants.take_away(Grant.objects.get(membership=member, role="admin").pk, member, by=house.owner)
    chain = chains.find(house.owner, str(ours.things["chain_id"]))
    for stages in (["lagoon", "elsewhere"], ["elsewhere", "lagoon"]):
        named = [{"name": stage, "environments": [stage]} for stage in stages]
        chains.update(chain, by=house.owner, stages=named)


def offered(shown: str) -> set[int]:
    return {int(number) for number in re.findall(r'<button[^>]* form="undo" formaction="/events/(\d+)/undoing', shown)}


def can(event: Event, by: Actor) -> bool:
    try:
        with undone():
            undoing.undo(event.pk, by=by)
    except Refused:
        return False
    return True


@pytest.mark.parametrize("who", ["owner", "admin", "operator", "viewer", "limited"])
def test_the_log_offers_to_undo_what_this_reader_can_undo_and_nothing_else(ours: Street, who: str) -> None:
    much_done(ours)
    actor = ours.people[who]
    told = history.visible(actor).order_by("-number")[:50]

    found = offered(ours.browser(who).get("/activity").content.decode())

    assert found == {event.pk for event in told if can(event, actor)}
    assert len(found) > {"owner": 8, "admin": 8, "operator": 0}.get(who, -1)


def test_recent_activity_offers_it_too_and_a_click_without_script_does_it(ours: Street) -> None:
    much_done(ours)
    client, place = ours.browser("owner"), ours.things["environment_id"]
    pages = [f"/environments/{place}", f"/apps/{ours.things['app_id']}", f"/environments/{place}/activity"]
    found = [offered(client.get(page).content.decode()) for page in pages]
    placed = Event.objects.filter(kind="hold.placed").latest("number")
    assert all(placed.pk in one for one in found), found

    client.post(f"/events/{placed.pk}/undoing")

    assert placed.pk not in offered(client.get(pages[0]).content.decode())
    assert not Hold.objects.filter(lifted_at=None).exists()


def test_offering_it_costs_the_same_however_much_was_done(ours: Street) -> None:
    much_done(ours)
    client = ours.browser("owner")
    few = statements(client, "/activity")
    much = ours.house.environment("more")
    for number in range(20):
        lifecycle.update(much, by=ours.house.owner, description=str(number))
    assert statements(client, "/activity") <= few
