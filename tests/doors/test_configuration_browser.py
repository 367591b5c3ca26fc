"""The configuration page in a real browser: overrides, revealing, filters and forms, with script and without."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Browser, Page, expect

from environments.configuration import secrets, variables
from environments.models import Environment
from environments.resolving.scopes import Scope
from projects.credentials import Secret
from projects.models import App, Event
from tests import browsers
from tests.doors.visiting import signed_in
from tests.doors.web import Web
from tests.environments.house import House

PLANTED = "hunter2-planted-value"


@pytest.fixture
def lagoon(harbour: House) -> Environment:
    return harbour.environment("lagoon", display_name="Lagoon")


@pytest.fixture
def app(harbour: House, lagoon: Environment) -> App:
    """LEVEL is set three times, TOKEN is a secret."""
    made = harbour.app("ferry", project=harbour.project("HARBOUR"))
    for scope, value in (
        (Scope(), "weak"),
        (Scope(environment=lagoon), "middling"),
        (Scope(app=made, environment=lagoon), "strong"),
    ):
        variables.create(scope, by=harbour.owner, key="LEVEL", value=value)
    secrets.create(Scope(environment=lagoon), by=harbour.owner, key="TOKEN", value=Secret(PLANTED))
    return made


@pytest.fixture
def plain(browser: Browser, server: Web, harbour: House) -> Iterator[Page]:
    """A page of the owner's whose browser runs no script."""
    context = browser.new_context(java_script_enabled=False)
    client, name = signed_in(harbour.owner), settings.SESSION_COOKIE_NAME
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": server.url}])
    opened = context.new_page()
    opened.set_default_timeout(browsers.PATIENCE)
    yield opened
    context.close()


def configured(server: Web, app: App) -> str:
    return f"{server.url}/configuration?app={app.pk}&environment=lagoon"


def visit(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.locator("[data-live-status]").first).to_contain_text("Live")


def row(page: Page, key: str) -> Any:
    return page.locator(f"#list tr[data-row={key}]")


def test_overrides_open_and_close_and_stay_open_when_the_list_changes(
    page: Page, server: Web, harbour: House, app: App
) -> None:
    visit(page, configured(server, app))
    button = row(page, "LEVEL").get_by_role("link", name="2 values")
    expect(button).to_have_attribute("aria-expanded", "false")

    button.click()

    scopes = page.locator("#o-LEVEL")
    expect(scopes).to_contain_text("App in an environment: ferry in Lagoon")
    expect(scopes.locator("[aria-current]")).to_contain_text("strong")
    expect(button).to_have_attribute("aria-expanded", "true")
    assert page.url == configured(server, app)

    page.mouse.move(0, 0)
    variables.create(Scope(), by=harbour.owner, key="DEPTH", value="3")
    expect(row(page, "DEPTH")).to_contain_text("3")
    expect(scopes).to_contain_text("middling")
    expect(scopes).to_have_count(1)

    button.focus()
    page.keyboard.press("Enter")
    expect(scopes).to_have_count(0)
    expect(button).to_have_attribute("aria-expanded", "false")
    expect(button).to_be_focused()


def test_a_secret_is_revealed_in_its_place_and_leaves_after_half_a_minute(
    page: Page, server: Web, harbour: House, app: App
) -> None:
    page.clock.install()
    visit(page, configured(server, app))
    assert PLANTED not in page.content()
    token = row(page, "TOKEN")

    token.get_by_role("button", name="Reveal TOKEN v1 for 30 seconds; recorded in the log").click()

    expect(token).to_contain_text(PLANTED)
    expect(token.get_by_role("button", name="Copy")).to_be_visible()
    expect(page.locator("#announce")).to_have_text("TOKEN is shown for 30 seconds")
    assert Event.objects.filter(kind="secret.revealed", organization_id=harbour.organization.pk).count() == 1
    page.clock.fast_forward(25_000)
    expect(token).to_contain_text(PLANTED)
    page.clock.fast_forward(6_000)
    expect(token).not_to_contain_text(PLANTED)
    assert PLANTED not in page.content()

    token.get_by_role("button", name="Reveal TOKEN").click()
    expect(token).to_contain_text(PLANTED)
    token.get_by_role("button", name="Hide TOKEN").click()
    expect(token).not_to_contain_text(PLANTED)
    expect(token.get_by_role("button", name="Reveal TOKEN")).to_be_visible()


def test_choosing_whose_values_draws_the_page_anew_and_filters_draw_the_list(page: Page, server: Web, app: App) -> None:
    visit(page, f"{server.url}/configuration?environment=lagoon")
    expect(row(page, "LEVEL")).to_contain_text("middling")

    page.get_by_label("App", exact=True).select_option("ferry (HARBOUR)")

    expect(page.get_by_role("link", name="Holds for ferry in Lagoon")).to_be_visible()
    expect(row(page, "LEVEL")).to_contain_text("strong")
    page.locator(".chip", has_text="Secrets").click()
    expect(row(page, "LEVEL")).to_have_count(0)
    expect(page).to_have_url(re.compile("show=secret"))
    page.locator(".chip", has_text=re.compile("^All")).click()
    page.locator("main [name=q]").fill("lev")
    expect(row(page, "TOKEN")).to_have_count(0)
    expect(page).to_have_url(re.compile("q=lev"))
    page.reload()
    expect(row(page, "LEVEL")).to_contain_text("strong")


def test_a_new_variable_is_set_by_keyboard_and_keeps_what_was_typed_while_its_scope_is_chosen(
    page: Page, server: Web, harbour: House, app: App
) -> None:
    visit(page, f"{server.url}/projects")
    page.keyboard.press("g")
    page.keyboard.press("c")
    expect(page).to_have_url(f"{server.url}/configuration")
    page.get_by_role("link", name="New variable").press("Enter")
    page.get_by_label("Key").fill("DEPTH")
    page.get_by_label("For", exact=True).select_option("ferry (HARBOUR)")
    expect(page.locator(f"#picker [name=holder][value='app:{app.pk}']")).to_have_count(1)
    page.get_by_label("In", exact=True).select_option("Lagoon")
    page.get_by_label("Value").fill("3")

    page.get_by_role("button", name="Set variable").press("Enter")

    expect(page.locator("#toasts")).to_contain_text("DEPTH is set for ferry in Lagoon.")
    page.locator("#toasts").get_by_role("button", name="Undo").click()
    expect(page.locator("main")).to_contain_text("It holds nowhere.")


def test_without_script_a_key_explains_itself_and_a_revealed_value_goes_away(
    plain: Page, server: Web, app: App
) -> None:
    plain.goto(configured(server, app))
    plain.get_by_role("link", name="2 values").click()
    expect(plain.get_by_role("heading", name="LEVEL")).to_be_visible()
    expect(plain.locator(".scopes")).to_contain_text("Organization: organization")
    plain.go_back()

    with plain.expect_response(re.compile("/revealing")) as answer:
        plain.get_by_role("button", name="Reveal TOKEN").click()

    expect(plain.locator("main")).to_contain_text(PLANTED)
    expect(plain.locator("main")).to_contain_text("This page leaves by itself in 30 seconds.")
    assert re.match(r"30; url=/configuration/keys/", answer.value.headers["refresh"])
    plain.get_by_role("link", name="Done").click()
    expect(plain.get_by_role("heading", name="TOKEN")).to_be_visible()
    assert PLANTED not in plain.content()

    plain.goto(f"{server.url}/configuration/secrets/new")
    plain.get_by_label("For", exact=True).select_option("ferry (HARBOUR)")
    plain.get_by_role("button", name="Choose").click()
    plain.get_by_label("Key").fill("ANCHOR")
    plain.get_by_label("Value").fill("deep")
    plain.get_by_role("button", name="Set secret").click()
    expect(plain.locator("main")).to_contain_text("ferry")
    expect(plain.get_by_role("heading", name="ANCHOR")).to_be_visible()
