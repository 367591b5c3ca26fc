"""The board side in a real browser: keyboard, dialog, narrow screens, no script, and nothing the policy forbids."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from environments.models import Deployment, Environment
from projects.models import App
from tests import browsers
from tests.doors.eye import Eye
from tests.doors.web import Web
from tests.environments.house import House


@pytest.fixture
def stages(harbour: House) -> list[Environment]:
    found = [harbour.environment(name) for name in ("development", "staging", "production")]
    Environment.objects.filter(pk=found[2].pk).update(protected=True)
    harbour.chain("development", "staging", "production")
    return found


@pytest.fixture
def app(harbour: House, stages: list[Environment]) -> App:
    """1.1 is cut, 1.0 is live in development and staging."""
    made = harbour.app("ledger")
    release = harbour.release(made, "1.0")
    harbour.live(release, stages[0])
    harbour.live(release, stages[1])
    harbour.release(made, "1.1")
    return made


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.innerText.trim().split('\\n')[0]"))


def test_arrow_keys_walk_from_cell_to_cell(page: Page, server: Web, app: App) -> None:
    page.goto(server.url)
    page.locator("#board").focus()

    walked = []
    for key in ("ArrowDown", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
        walked.append(focused(page))

    assert walked == ["ledger", "1.0", "1.0", "Promote", "1.0"]


def test_the_slash_key_leads_to_the_search(page: Page, server: Web, app: App) -> None:
    page.goto(server.url)

    page.keyboard.press("/")

    expect(page.locator("#board-q")).to_be_focused()


def never_redrawn(page: Page) -> None:
    """A clock that leaps looks like a silent stream, and then the page asks for its pieces: not what is tried here."""
    live = ("fetch", "xhr", "eventsource")
    page.route("**/*", lambda route: route.abort() if route.request.resource_type in live else route.continue_())


def test_the_age_of_a_cell_counts_on_and_tells_the_exact_moment(page: Page, server: Web, app: App) -> None:
    page.clock.install()
    never_redrawn(page)
    page.goto(server.url)
    age = page.locator(".matrix td time").first
    expect(age).to_have_text("now")
    page.clock.run_for(1000)  # the first look, by which the two clocks are compared

    page.clock.fast_forward("04:00")
    page.clock.run_for(2000)

    expect(age).to_have_text("4m")
    expect(age).to_have_attribute("title", re.compile(r"^\d\d \w{3} \d{4} \d\d:\d\d:\d\d UTC$"))


def test_an_age_that_turned_just_before_it_was_first_looked_at_counts_on(page: Page, server: Web, app: App) -> None:
    page.clock.install()
    never_redrawn(page)
    page.goto(server.url)
    age = page.locator(".matrix td time").first
    at = int(age.evaluate("age => Date.parse(age.dateTime)"))
    page.clock.pause_at((at + 61_500) / 1000)
    age.evaluate("age => age.replaceWith(Object.assign(age.cloneNode(), { textContent: 'now' }))")
    page.clock.run_for(1000)

    page.clock.run_for(2000)

    expect(age).to_have_text("1m")


def test_a_promotion_by_dialog_closes_it_and_changes_the_cell(
    page: Page, server: Web, harbour: House, app: App, stages: list[Environment]
) -> None:
    page.goto(server.url)
    gate = page.get_by_role("link", name="Promote ledger 1.0 to production, 1 release behind")
    gate.focus()
    page.keyboard.press("Enter")
    sheet = page.locator("#sheet")
    expect(sheet).to_be_visible()
    expect(sheet.get_by_label(re.compile("Type production"))).to_be_focused()

    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(gate).to_be_focused()

    page.keyboard.press("Enter")
    expect(sheet.get_by_label(re.compile("Type production"))).to_be_focused()
    page.keyboard.type("production")
    page.keyboard.press("Enter")
    expect(sheet).to_be_hidden()
    expect(page.locator("#toasts")).to_contain_text("ledger 1.0 is on its way to production.")
    expect(page.locator(f"#a-{app.id}")).to_contain_text("Queued")
    harbour.ended(Deployment.objects.get(environment=stages[2]))
    expect(page.locator("#announce")).to_contain_text("ledger 1.0 is live in production")


def test_filters_change_the_table_and_the_address_and_keep_the_focus(page: Page, server: Web, app: App) -> None:
    page.goto(server.url)

    page.locator("#board-q").press_sequentially("nothing like it")
    expect(page.locator("#board")).to_contain_text("No app matches these filters.")
    expect(page.locator("#board-q")).to_be_focused()
    assert "q=nothing%20like%20it" in page.url
    length = page.evaluate("history.length")
    page.keyboard.press("Tab")
    expect(page.locator("#board-q")).not_to_be_focused()
    page.wait_for_timeout(400)
    assert page.evaluate("history.length") == length

    page.go_back()
    expect(page.locator("#board")).to_contain_text("ledger")


def test_everything_works_without_script(
    browser: Browser, page: Page, server: Web, app: App, stages: list[Environment]
) -> None:
    context = browser.new_context(java_script_enabled=False, storage_state=page.context.storage_state())
    plain = context.new_page()
    plain.set_default_timeout(browsers.PATIENCE)

    plain.goto(server.url)
    plain.fill("#board-q", "led")
    plain.get_by_role("button", name="Filter").click()
    assert "q=led" in plain.url
    plain.get_by_role("link", name="Promote ledger 1.0 to production, 1 release behind").click()
    plain.get_by_role("combobox", name="Release").select_option("1.1")
    plain.get_by_role("button", name="Plan this release").click()
    expect(plain.locator("#preflight")).to_contain_text("ledger 1.1 has not succeeded in staging yet")
    plain.get_by_role("combobox", name="Release").select_option("1.0")
    plain.get_by_role("button", name="Plan this release").click()
    plain.get_by_label(re.compile("Type production")).fill("production")
    plain.get_by_role("button", name="Promote to production").click()

    assert re.search(r"/runs/[0-9a-f-]{36}", plain.url)
    assert Deployment.objects.filter(environment=stages[2]).exists()
    context.close()


def test_pages_are_accessible_and_do_what_the_policy_allows(
    browser: Browser, server: Web, harbour: House, app: App
) -> None:
    eye = Eye(browser, server.url)
    eye.become(harbour.owner)
    for at in ("/", "/chain", "/sign-in"):
        eye.visit(at)
    eye.page.goto(server.url)
    eye.page.get_by_role("link", name="Promote ledger 1.0 to production, 1 release behind").click()
    expect(eye.page.locator("#sheet #plan")).to_be_visible()
    eye.look("sheet Promote")

    assert not eye.found, "\n".join(eye.found)
    assert eye.complaints == []
    eye.close()
