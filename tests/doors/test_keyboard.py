"""With the keyboard alone, in a real browser: no test here uses the mouse, or moves the focus by script."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from environments.configuration import variables
from environments.doing import overtaking
from environments.models import Deployment, DeploymentKind, Environment
from environments.resolving.scopes import Scope
from projects.models import App
from tests import browsers, builders
from tests.doors.web import Web
from tests.environments.house import House

FOCUSED = "document.activeElement"


@pytest.fixture
def stages(harbour: House) -> list[Environment]:
    """Development, and production, which is protected."""
    found = [harbour.environment(name, display_name=name.title()) for name in ("development", "production")]
    Environment.objects.filter(pk=found[1].pk).update(protected=True)
    harbour.chain("development", "production")
    return found


@pytest.fixture
def app(harbour: House, stages: list[Environment]) -> App:
    """1.0 is live in both, 1.1 in development; another app stands above it on the board."""
    harbour.app("abacus", project=harbour.project("ARTS"))
    made = harbour.app("ledger", project=harbour.project("BOOKS"))
    first = harbour.release(made, "1.0", commit="abc1234def")
    for place in stages:
        harbour.live(first, place)
    harbour.live(harbour.release(made, "1.1"), stages[0])
    return made


@pytest.fixture
def stranger(browser: Browser, server: Web) -> Iterator[Page]:
    """Somebody who has not signed in yet."""
    context = browser.new_context()
    opened = context.new_page()
    opened.set_default_timeout(browsers.PATIENCE)
    yield opened
    context.close()


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def visit(page: Page, address: str) -> None:
    page.goto(address)
    arrived(page, address)


def arrived(page: Page, address: str | re.Pattern[str]) -> None:
    """The page is there and listens to keys."""
    expect(page).to_have_url(address)
    page.wait_for_load_state("load")


def sign_in(page: Page, address: str, name: str) -> None:
    """Led to the form from `address`, and back there from the form."""
    page.goto(address)
    arrived(page, re.compile("/sign-in"))
    page.keyboard.type(name)
    press(page, "Tab")
    page.keyboard.type(builders.PASSWORD)
    press(page, "Enter")
    arrived(page, address)


def cell_in_focus(page: Page) -> str:
    """`ledger / Production`, wherever in its cell the focus is."""
    where = f"[{FOCUSED}.closest('tr')?.querySelector('th a').innerText, {FOCUSED}.closest('td')?.dataset.env]"
    return " / ".join(str(part) for part in page.evaluate(where))


def test_promote_and_roll_back(
    stranger: Page, server: Web, harbour: House, app: App, stages: list[Environment]
) -> None:
    page = stranger
    assert harbour.owner.user is not None
    sign_in(page, f"{server.url}/releases", harbour.owner.user.username)

    press(page, "g", "b")
    arrived(page, f"{server.url}/")
    expect(page.locator("[data-live-status]").first).to_contain_text("Live")
    press(page, "j", "j", "ArrowRight", "ArrowRight")
    assert cell_in_focus(page) == "ledger / Production"

    press(page, "p")
    sheet = page.locator("#sheet")
    expect(sheet.get_by_role("heading", name="Promote ledger")).to_be_visible()
    expect(page.locator("#plan-confirm")).to_be_focused()
    page.keyboard.type("production")
    press(page, "Enter")
    expect(sheet).to_be_hidden()
    here = page.locator(f"#a-{app.id} td[data-env=Production]")
    expect(here).to_contain_text("Queued")
    assert cell_in_focus(page) == "ledger / Production"
    harbour.ended(Deployment.objects.get(environment=stages[1], release__version="1.1"))
    expect(here).to_contain_text(re.compile(r"1\.1.*Live", re.S))
    assert cell_in_focus(page) == "ledger / Production", "what was done there took the link away that had the focus"

    press(page, "r")
    expect(sheet.get_by_role("heading", name="Roll back ledger")).to_be_visible()
    expect(page.locator("#plan-confirm")).to_be_focused()
    press(page, "Escape")
    expect(sheet).to_be_hidden()
    assert cell_in_focus(page) == "ledger / Production"
    press(page, "r")
    expect(page.locator("#plan-confirm")).to_be_focused()
    page.keyboard.type("production")
    press(page, "Enter")
    expect(sheet).to_be_hidden()
    expect(page.locator("#toasts")).to_contain_text("ledger goes back to 1.0 in Production.")
    harbour.ended(Deployment.objects.get(environment=stages[1], kind=DeploymentKind.ROLLBACK))
    expect(here).to_contain_text(re.compile(r"1\.0.*Rolled back", re.S))
    assert cell_in_focus(page) == "ledger / Production"


def test_a_key_acts_on_the_cell_in_focus_and_on_no_other(page: Page, server: Web, app: App) -> None:
    visit(page, f"{server.url}/")
    press(page, "p")
    expect(page.locator("#plan")).to_be_visible()
    press(page, "Escape")
    expect(page.locator("#sheet")).to_be_hidden()

    press(page, "j", "j", "ArrowRight")
    assert cell_in_focus(page) == "ledger / Development"
    press(page, "p")
    expect(page.locator("#toasts")).to_contain_text("There is nothing to deploy or promote here.")
    press(page, "ArrowLeft", "r")
    expect(page.locator("#toasts")).to_contain_text("There are several here")
    expect(page.locator("#sheet")).to_be_hidden()


def test_the_key_promotes_also_where_what_runs_could_be_deployed_again(
    page: Page, server: Web, harbour: House, app: App, stages: list[Environment]
) -> None:
    variables.create(Scope(environment=stages[1]), by=harbour.owner, key="LEVEL", value="1")
    overtaking.settle_all()
    visit(page, f"{server.url}/")
    press(page, "j", "j", "ArrowRight", "ArrowRight")
    assert cell_in_focus(page) == "ledger / Production"

    press(page, "p")
    expect(page.locator("#sheet").get_by_role("heading", name="Promote ledger")).to_be_visible()
    press(page, "Escape")
    expect(page.locator("#sheet")).to_be_hidden()
    page.get_by_role("link", name="Deploy ledger 1.0 to Production again").focus()
    press(page, "p")
    expect(page.locator("#sheet")).to_contain_text("LEVEL")


def test_a_viewer_rolls_nothing_back_by_key(stranger: Page, server: Web, harbour: House, app: App) -> None:
    viewer = harbour.person("viewer").user
    assert viewer is not None
    sign_in(stranger, f"{server.url}/", viewer.username)

    press(stranger, "j", "j", "ArrowRight", "r")

    expect(stranger.locator("#toasts")).to_contain_text("There is nothing to roll back here.")


def test_the_palette_finds_on_the_server_and_goes_there(page: Page, server: Web, app: App) -> None:
    visit(page, f"{server.url}/chain")
    palette, options = page.locator("#palette"), page.locator("#palette [role=option]")
    for key in ("/", "Control+k"):
        press(page, key)
        expect(palette).to_be_visible()
        expect(options.filter(has_text="New project")).to_have_count(1)
        press(page, "Escape")
        expect(palette).to_be_hidden()

    press(page, "/")
    page.keyboard.type("1.")
    expect(options.first).to_contain_text("ledger 1.1")
    expect(options.first).to_have_attribute("aria-selected", "true")
    press(page, "ArrowDown")
    expect(page.locator("#palette [aria-selected=true]")).to_contain_text("ledger 1.0")
    press(page, "ArrowUp", "ArrowUp", "ArrowDown", "ArrowDown", "Enter")

    expect(page.get_by_role("heading", name="ledger 1.0")).to_be_visible()


def test_the_palette_leads_on_to_the_list_that_has_more(page: Page, server: Web, app: App, harbour: House) -> None:
    for number in range(2, 9):
        harbour.release(app, f"1.{number}")
    visit(page, f"{server.url}/chain?environment=production")
    press(page, "/")
    page.keyboard.type("ledger 1.1")
    chosen = page.locator("#palette [aria-selected=true]")
    expect(chosen).to_contain_text("ledger 1.1")
    press(page, "Control+a")
    page.keyboard.type("ledger 1.")
    expect(page.locator('#hits[data-words="ledger 1."] [role=option]')).to_have_count(7)
    press(page, *["ArrowDown"] * 6)
    expect(chosen).to_have_text("More among the releases")
    press(page, "Enter")

    expect(page.get_by_role("heading", name="Releases")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/releases\?q=ledger\+1\.&environment="))
    expect(page.locator("#list tbody tr")).to_have_count(9)
    expect(page.locator("main [name=q]")).to_have_value("ledger 1.")


AS_SOON_AS_IT_IS_FOUND = """() => new MutationObserver((_, watch) => {
  if (!document.querySelector("#palette [role=option][href*='/releases/']")) return;
  watch.disconnect();
  const down = new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true });
  document.activeElement.dispatchEvent(down);
}).observe(document.getElementById("palette"), { childList: true, subtree: true })"""


def test_whoever_chooses_as_soon_as_the_palette_has_found_something_keeps_the_choice(
    page: Page, server: Web, app: App, harbour: House
) -> None:
    harbour.release(app, "1.2")
    visit(page, f"{server.url}/chain?environment=production")
    press(page, "/")
    page.evaluate(AS_SOON_AS_IT_IS_FOUND)
    page.keyboard.insert_text("ledger 1.")

    second = page.locator('#hits[data-words="ledger 1."] [role=option]').nth(1)
    expect(second).to_have_attribute("aria-selected", "true")
    page.wait_for_timeout(100)
    expect(second).to_have_attribute("aria-selected", "true")


def test_the_palette_shows_only_what_one_may_see(page: Page, server: Web, app: App, harbour: House) -> None:
    other = builders.app(builders.cast().owner)
    visit(page, f"{server.url}/chain")
    press(page, "Control+k")
    page.keyboard.type(other.name)

    expect(page.locator("#hits")).to_contain_text("Nothing that you may see matches")


def test_enter_before_anything_was_found_asks_the_server_on_a_page(page: Page, server: Web, app: App) -> None:
    visit(page, f"{server.url}/chain")
    page.route(
        "**/search?*", lambda route: route.abort() if "hx-request" in route.request.headers else route.continue_()
    )
    press(page, "/")
    page.keyboard.type("abc1")
    press(page, "Enter")

    expect(page).to_have_url(re.compile(r"/search\?q=abc1"))
    expect(page.locator("main")).to_contain_text("ledger 1.0")


def test_escape_gives_the_focus_back_also_from_a_field_with_words_in_it(page: Page, server: Web, app: App) -> None:
    visit(page, f"{server.url}/projects")
    press(page, "j")
    before = page.evaluate(f"{FOCUSED}.innerText")
    press(page, "Control+k")
    page.keyboard.type("ledg")
    expect(page.locator("#palette [role=option]").first).to_contain_text("ledger")

    press(page, "Escape")

    expect(page.locator("#palette")).to_be_hidden()
    assert page.evaluate(f"{FOCUSED}.innerText") == before


def test_the_search_page_has_the_palette_too(page: Page, server: Web, app: App) -> None:
    visit(page, f"{server.url}/search?q=nothing+of+it")
    press(page, "Control+k")
    page.keyboard.type("ledg")

    expect(page.locator("#palette [role=option]").first).to_contain_text("ledger")
    expect(page.locator("main")).to_contain_text("nothing of it")
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(one => one.id)")
    assert len(ids) == len(set(ids))


def test_two_keys_go_to_places_and_rows_are_walked_and_opened(page: Page, server: Web, app: App) -> None:
    visit(page, f"{server.url}/chain")
    for key, path in (("e", "/environments"), ("r", "/releases"), ("b", "/")):
        press(page, "g", key)
        arrived(page, server.url + path)

    press(page, "g", "r")
    arrived(page, f"{server.url}/releases")
    walked = []
    for key in ("j", "j", "j", "k", "k", "k"):
        press(page, key)
        walked.append(page.evaluate(f"{FOCUSED}.innerText"))
    assert walked == ["ledger 1.1", "ledger 1.0", "ledger 1.0", "ledger 1.1", "ledger 1.1", "ledger 1.1"]
    press(page, "Enter")
    expect(page.get_by_role("heading", name="ledger 1.1")).to_be_visible()


def test_the_chosen_environment_is_kept_on_the_way(page: Page, server: Web, app: App) -> None:
    visit(page, f"{server.url}/chain?environment=production")
    press(page, "g", "e")
    expect(page).to_have_url(f"{server.url}/environments?environment=production")


def test_two_releases_are_ticked_and_compared(page: Page, server: Web, app: App) -> None:
    visit(page, f"{server.url}/releases")
    press(page, "j", "Shift+Tab", "Space")
    press(page, "j", "Shift+Tab", "Space")
    assert page.evaluate("document.querySelectorAll('#list :checked').length") == 2, "a box is no field to type in"
    press(page, "Enter")

    expect(page.get_by_role("heading", name="ledger 1.0 to 1.1")).to_be_visible()


def tab_to(page: Page, selector: str) -> None:
    for _ in range(60):
        press(page, "Tab")
        if page.evaluate(f"{FOCUSED}.matches({selector!r})"):
            return
    raise AssertionError(f"{selector} is not reached")


@pytest.mark.parametrize("field", ["main [name=name]", "main textarea"], ids=["line", "text"])
def test_nothing_fires_while_somebody_types(page: Page, server: Web, app: App, field: str) -> None:
    address = f"{server.url}/projects/new"
    visit(page, address)
    tab_to(page, field)
    typed = "gbgegrjkpr?/"
    page.keyboard.type(typed)

    assert page.evaluate(f"{FOCUSED}.value") == typed
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(page).to_have_url(address)


def test_the_list_of_keys_turns_them_off_and_on_again(page: Page, server: Web, app: App) -> None:
    visit(page, f"{server.url}/chain")
    keys, switch = page.locator("#keys"), page.get_by_label("Turn them off in this browser")
    press(page, "?")
    expect(keys).to_be_visible()
    press(page, "Tab")
    expect(switch).to_be_focused()
    press(page, "Space", "Escape")
    expect(keys).to_be_hidden()

    visit(page, f"{server.url}/chain")
    press(page, "/", "Control+k", "?", "p", "g", "e", "j")
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(page).to_have_url(f"{server.url}/chain")
    assert page.evaluate(f"{FOCUSED} === document.body")
    visit(page, f"{server.url}/")
    press(page, "/")
    assert page.evaluate(f"{FOCUSED} === document.body"), "nor do they lead into a page's own search"

    # Somebody who has turned them off finds the list in the menu of their account.
    tab_to(page, ".by-account")
    press(page, "Enter")
    expect(page.locator("#account-menu")).to_be_visible()
    tab_to(page, "[data-shortcuts]")
    press(page, "Enter")
    expect(keys).to_be_visible()
    expect(switch).to_be_checked()
    press(page, "Tab", "Space", "Escape")
    expect(keys).to_be_hidden()
    press(page, "/")
    expect(page.locator("#board-q")).to_be_focused()
