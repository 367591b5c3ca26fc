"""A real browser on a real server: open pages become true by themselves, piece by piece, without reloading."""

import os
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import BrowserContext, Page, Request, expect, sync_playwright

from environments import lifecycle
from environments.models import Environment
from tests.doors.web import Web, web
from tests.environments import house as houses
from tests.environments.house import House

CHROMIUM = "/usr/bin/chromium"
pytestmark = pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="there is no Chromium here")


@pytest.fixture(scope="module")
def browser() -> Iterator[BrowserContext]:
    # Playwright runs an event loop in this thread, in which Django would otherwise refuse to read the database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield running
        running.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def server(server_environment: dict[str, str]) -> Iterator[Web]:
    with web(server_environment) as running:
        yield running


@pytest.fixture
def house(server_environment: dict[str, str]) -> House:
    return houses.house()


@pytest.fixture
def stages(house: House) -> list[Environment]:
    found = [house.environment(name) for name in ("development", "staging")]
    house.chain("development", "staging")
    return found


@pytest.fixture
def page(browser: BrowserContext, server: Web, house: House) -> Iterator[Page]:
    """A page of the owner's, on which every request for a document or piece is written down."""
    context = browser.new_context()
    client = Client()
    client.force_login(house.owner.user)
    name = settings.SESSION_COOKIE_NAME
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": server.url}])
    opened = context.new_page()
    opened.set_default_timeout(8000)
    yield opened
    context.close()


def open_page(page: Page, address: str) -> list[Request]:
    """Wait until the page is live, and remember what it asks for from then on."""
    page.goto(address)
    expect(page.locator("[data-live-status]").first).to_contain_text("Live")
    page.evaluate("window.neverReloaded = true")
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request))
    return asked


def assert_only_pieces(asked: list[Request]) -> None:
    for request in asked:
        assert request.headers.get("towpath-live") == "1", f"{request.method} {request.url}"
        assert request.resource_type == "fetch"


def test_a_commit_elsewhere_changes_the_open_board_within_a_second(
    page: Page, server: Web, house: House, stages: list[Environment]
) -> None:
    app = house.app("ledger")
    release = house.release(app, "1.0.0")
    house.app("untouched", project=app.project)
    asked = open_page(page, f"{server.url}/")

    row = page.locator(f"#a-{app.id}")
    begun = time.monotonic()
    house.live(release, stages[0])
    expect(row).to_contain_text("1.0.0", timeout=3000)
    took = time.monotonic() - begun

    expect(row).to_contain_text("Live")
    assert took < 1.5, took
    assert page.evaluate("window.neverReloaded") is True
    assert_only_pieces(asked)
    assert not any("untouched" in request.url for request in asked)


def test_pieces_that_did_not_change_cost_no_bytes(
    page: Page, server: Web, house: House, stages: list[Environment]
) -> None:
    app = house.app("ledger")
    open_page(page, f"{server.url}/")
    statuses: list[tuple[str, int, str | None]] = []
    page.on(
        "response",
        lambda answer: statuses.append(
            (urlsplit(answer.url).path, answer.status, answer.request.headers.get("if-none-match"))
        ),
    )
    house.live(house.release(app, "1.0.0"), stages[0])
    expect(page.locator(f"#a-{app.id}")).to_contain_text("Live")
    page.wait_for_timeout(1500)
    statuses.clear()

    lifecycle.update(stages[1], by=house.owner, description="Nothing that a board shows")
    page.wait_for_timeout(1500)

    assert statuses, "nothing was asked for"
    assert all(known and status == 304 for _, status, known in statuses), statuses


def test_after_a_restart_of_the_server_the_page_catches_up_by_itself(
    page: Page, server: Web, house: House, stages: list[Environment]
) -> None:
    app = house.app("ledger")
    release = house.release(app, "1.0.0")
    open_page(page, f"{server.url}/")

    server.stop()
    expect(page.locator("[data-live-status]").first).to_contain_text("Reconnecting")
    house.live(release, stages[0])
    server.start()

    expect(page.locator(f"#a-{app.id}")).to_contain_text("1.0.0", timeout=10000)
    expect(page.locator("[data-live-status]").first).to_contain_text("Live")
    assert page.evaluate("window.neverReloaded") is True


def test_focus_stays_where_it_was(page: Page, server: Web, house: House, stages: list[Environment]) -> None:
    app = house.app("ledger")
    release = house.release(app, "1.0.0")
    open_page(page, f"{server.url}/")
    page.locator(f"#n-{app.id}").focus()

    house.live(release, stages[0])
    expect(page.locator(f"#a-{app.id}")).to_contain_text("1.0.0")

    assert page.evaluate("document.activeElement.id") == f"n-{app.id}"
