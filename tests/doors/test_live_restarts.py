"""The server is killed again and again: who listens hears everything once, and an open page shows what is true."""

import signal

import httpx
from playwright.sync_api import Page, expect

from projects import apps
from tests import builders
from tests.doors.follower import Follower
from tests.doors.web import Web
from tests.environments.house import House
from tests.environments.site import until

RESTARTS = 4


def test_restarts_lose_no_event_double_none_and_leave_the_page_true(page: Page, server: Web, harbour: House) -> None:
    headers = {"authorization": f"Bearer {builders.grant_token(harbour.owner)}"}
    harbour.environment("development")
    harbour.chain("development")
    app = harbour.app("ledger")
    page.goto(server.url)
    expect(page.locator("[data-live-status]").first).to_contain_text("Live")
    page.evaluate("window.neverReloaded = true")
    begun = len(_ids(server, headers))

    with Follower(f"{server.url}/api/v1/events/stream", headers, after=_ids(server, headers)[-1]) as follower:
        until(lambda: follower.connections, 10)
        for n in range(RESTARTS):
            apps.update(app, by=harbour.owner, name=f"before-{n}")
            server.stop(signal.SIGKILL if n % 2 else signal.SIGTERM)
            apps.update(app, by=harbour.owner, name=f"after-{n}")
            server.start()
            until(lambda n=n: follower.connections > n + 1, 15)
        until(lambda: len(follower.heard) >= 2 * RESTARTS, 15)

    assert follower.heard == _ids(server, headers)[begun:]
    expect(page.locator(f"#a-{app.id}")).to_contain_text(f"after-{RESTARTS - 1}")
    assert page.evaluate("window.neverReloaded") is True
    shown = page.locator("#board").inner_text()
    page.reload()
    assert page.locator("#board").inner_text() == shown


def _ids(server: Web, headers: dict[str, str]) -> list[str]:
    return [one["id"] for one in httpx.get(f"{server.url}/api/v1/events?limit=1000", headers=headers).json()]
