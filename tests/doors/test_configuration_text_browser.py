"""In a real browser: a pasted text is previewed and saved, environments are compared, and a key is copied on."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from environments.configuration import secrets
from environments.models import Entry
from environments.resolving.scopes import Scope
from projects.credentials import Secret
from tests.doors.eye import Eye
from tests.doors.furnished import furnish
from tests.doors.web import Web
from tests.environments.house import House

pytestmark = pytest.mark.timeout(240)


def test_a_pasted_text_becomes_keys_that_are_compared_and_copied(page: Page, server: Web, harbour: House) -> None:
    staging, production = harbour.environment("staging"), harbour.environment("production")
    for place in (staging, production):
        secrets.create(Scope(environment=place), by=harbour.owner, key="TOKEN", value=Secret("planted"))
    page.goto(f"{server.url}/configuration/import?place={staging.pk}")
    page.get_by_role("textbox", name="Text").fill("# first\nLEVEL=debug\nAPI_KEY='planted'\nNOTE=\"two\\nlines\"\n")
    page.get_by_role("button", name="Preview").click()
    page.get_by_label("Secret: API_KEY").check()
    page.get_by_role("button", name="Preview again").click()
    expect(page.get_by_role("row", name=re.compile("API_KEY"))).not_to_contain_text("planted")
    page.get_by_role("button", name="Save 3 changes").click()
    expect(page.get_by_role("paragraph").filter(has_text="Keys saved: 3 new for staging")).to_be_visible()
    assert Entry.objects.get(key="NOTE").current.value == "two\nlines"  # type: ignore[union-attr]

    page.goto(f"{server.url}/configuration/compare")
    expect(page.get_by_role("row", name=re.compile("TOKEN"))).to_contain_text("Not compared")
    page.get_by_role("button", name="Compare secrets").click()
    expect(page.get_by_role("row", name=re.compile("TOKEN"))).to_contain_text("Same")
    expect(page.locator("#comparison")).not_to_contain_text("planted")
    page.get_by_label("Show").select_option(label="Missing")
    expect(page).to_have_url(re.compile("show=missing"))
    expect(page.get_by_role("row", name=re.compile("TOKEN"))).to_have_count(0)
    page.get_by_role("link", name="Copy LEVEL to another environment").click()
    page.get_by_role("button", name="Copy to production").click()
    expect(page.get_by_role("paragraph").filter(has_text="LEVEL of staging copied")).to_be_visible()
    assert Entry.objects.get(key="LEVEL", environment=production).current.value == "debug"  # type: ignore[union-attr]


def test_an_open_comparison_follows_what_is_changed_and_one_by_fingerprint_stays(
    page: Page, server: Web, harbour: House
) -> None:
    staging, _ = harbour.environment("staging"), harbour.environment("production")
    made = secrets.create(Scope(), by=harbour.owner, key="WIDE", value=Secret("x"))
    page.goto(f"{server.url}/configuration/compare")
    row = page.get_by_role("row", name=re.compile("WIDE"))
    expect(row).to_contain_text("Same")
    secrets.create(Scope(environment=staging), by=harbour.owner, key="WIDE", value=Secret("y"))
    expect(row).to_contain_text("Not compared")
    page.get_by_role("button", name="Compare secrets").click()
    expect(row).to_contain_text("Different")
    secrets.update(made, by=harbour.owner, value=Secret("y"))
    page.wait_for_timeout(1500)
    expect(row).to_contain_text("Different")


def test_what_is_on_the_way_is_accessible_too(browser: Browser, server: Web, harbour: House) -> None:
    things = furnish(harbour)
    eye = Eye(browser, server.url)
    eye.become(harbour.owner)
    # As they are opened they are looked at with all other pages of the work.
    then: list[tuple[str, Callable[[], object]]] = [
        ("Compare secrets", lambda: eye.page.goto(f"{server.url}/configuration/compare")),
        ("Preview", lambda: pasted(f"B=x\nGREETING={'x' * 300}\nNEW='two\n{'lines' * 90}'")),
        ("Preview", lambda: pasted("no sign\nPATH=1")),
    ]

    def pasted(text: str) -> None:
        eye.page.goto(f"{server.url}/configuration/import?holder=app:{things.app.id}&place={things.places[0].id}")
        eye.page.get_by_role("textbox", name="Text").fill(text)
        eye.page.get_by_label("Delete variables that the text does not have").check()

    for button, begin in then:
        begin()
        eye.page.get_by_role("button", name=button).click()
        eye.page.wait_for_load_state("networkidle")
        eye.look(f"after {button}")
    assert not eye.found, "\n".join(eye.found)
    assert eye.complaints == []
    eye.close()
