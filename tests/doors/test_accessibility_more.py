"""What surrounds the work, looked at as its pages are: lists, search, people, what is empty, what went wrong, and the
records that staff see."""

import re

import pytest
from django.template.loader import render_to_string
from django.urls import reverse
from playwright.sync_api import Browser, expect

from tests import builders
from tests.doors.eye import Eye
from tests.doors.furnished import Furnished, furnish
from tests.doors.looked_at import AROUND
from tests.doors.web import Web
from tests.environments.house import House

pytestmark = pytest.mark.timeout(300)
EMPTY = (
    "/",
    "/environments",
    "/projects",
    "/runs",
    "/releases",
    "/endpoints",
    "/workflows",
    "/workers",
    "/tokens",
    "/chain",
)


def test_every_page_around_the_work_is_accessible(browser: Browser, server: Web, harbour: House) -> None:
    things = furnish(harbour)
    eye = Eye(browser, server.url)
    eye.become(harbour.owner)
    for addresses in AROUND.values():
        for address in addresses(things):
            eye.visit(address)
    _the_frame(eye)
    _what_went_wrong(eye, harbour)
    _what_is_empty(eye)
    _the_records(eye, harbour, things)
    assert eye.complaints == []
    assert not eye.found, "\n".join(eye.found)
    eye.close()


def _the_frame(eye: Eye) -> None:
    """The palette, the list of keys, and the menus."""
    page = eye.page
    page.goto(eye.url)
    page.keyboard.press("Control+k")
    expect(page.get_by_role("option").first).to_be_visible()
    eye.look("palette")
    page.get_by_role("combobox").fill("ledger")
    expect(page.get_by_role("option", name=re.compile("ledger")).first).to_be_visible()
    eye.look("palette with results")
    page.get_by_role("combobox").fill("0.")
    expect(page.get_by_role("option", name="More among the releases")).to_be_visible()
    eye.look("palette with more")
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).to_be_hidden()
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Shortcuts")).to_be_visible()
    eye.look("keys")
    page.keyboard.press("Escape")
    for button in (".by-account", ".by-env"):
        page.locator(button).click()
        eye.look(f"menu {button}")
        page.keyboard.press("Escape")


def _what_went_wrong(eye: Eye, house: House) -> None:
    eye.visit("/nothing")
    eye.become(house.person("viewer"))
    eye.visit("/environments/new")
    # The server has no page that fails, so this one is shown where it would be.
    eye.page.route(
        "**/broken", lambda route: route.fulfill(body=render_to_string("500.html"), content_type="text/html")
    )
    eye.visit("/broken")


def _what_is_empty(eye: Eye) -> None:
    eye.become(builders.cast().owner)
    for address in EMPTY:
        eye.visit(address)


def _the_records(eye: Eye, house: House, things: Furnished) -> None:
    assert house.owner.user is not None
    house.owner.user.is_staff = True
    house.owner.user.save()
    eye.become(house.owner)
    slots = reverse("admin:environments_slot_changelist")
    for address in (
        reverse("admin:index"),
        reverse("admin:app_list", args=["environments"]),
        reverse("admin:environments_run_changelist"),
        reverse("admin:environments_run_changelist") + "?environment=nothing",
        reverse("admin:environments_run_change", args=[things.moving.pk]),
        reverse("admin:environments_environment_change", args=[things.places[0].pk]),
        reverse("admin:environments_environment_delete", args=[things.places[0].pk]),
        reverse("admin:environments_environment_history", args=[things.places[0].pk]),
        slots,
    ):
        eye.visit(address)
    page = eye.page
    page.locator("#nav-filter").fill("run")
    page.locator("#toggle-nav-sidebar").click()
    page.locator("#changelist-filter summary").first.click()
    for box in page.locator("input.action-select").all():
        box.check()
    page.locator("select[name=action]").select_option("promote")
    page.get_by_role("button", name="Go", exact=True).click()
    expect(page.locator("form.act")).to_be_visible()
    eye.look("plan of staff")
