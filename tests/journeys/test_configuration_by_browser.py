"""Configuration in a real browser: set, asked for where it is missing, revealed, changed, overtaken, taken back."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.browser import carry_out, cell, chromium, sign_in
from tests.journeys.installation import Installation, wait_until
from tests.journeys.test_configuration_by_api import MANIFEST, Configured, given, leaked, running
from tests.journeys.test_story_by_api import _active

pytestmark = pytest.mark.timeout(600)
SLOW = 60_000
FIRST, SECOND = "planted-otter/1+one", "planted-heron/2+two"


class Hands:
    """What a person does on the pages of configuration."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url

    def set(self, key: str, value: str, **scope: str) -> None:
        asked = "&".join(f"{name}={identity}" for name, identity in scope.items())
        self.page.goto(f"{self.url}/configuration/variables/new?{asked}")
        self.page.get_by_label("Key", exact=True).fill(key)
        self.page.get_by_label("Value", exact=True).fill(value)
        self.page.get_by_role("button", name="Set variable").click()
        expect(self.page.get_by_text(f"{key} is set")).to_be_visible()

    def change(self, key: str, value: str, **scope: str) -> None:
        self.look(**scope)
        self.page.get_by_role("link", name=key, exact=True).click()
        self.page.get_by_role("link", name="Change", exact=True).click()
        self.page.locator("#id_value").fill(value)
        self.page.locator("main form[method=post] footer button.primary").click()
        expect(self.page.locator("#entry")).to_contain_text("v2")

    def look(self, **scope: str) -> None:
        asked = "&".join(f"{name}={identity}" for name, identity in scope.items())
        self.page.goto(f"{self.url}/configuration?{asked}")

    def row(self, key: str) -> Any:
        return self.page.locator(f"tr[data-row='{key}']")


def test_a_person_sees_what_runs_changes_it_and_takes_it_back(installation: Installation) -> None:
    with installation.client() as client, chromium() as browser:
        operator = Configured(client)
        operator.post(
            "/chains",
            name="Default",
            stages=[{"name": "Development", "environments": ["development"]}],
            create_missing=True,
        )
        development = wait_until(lambda: _active(operator), 90, "an environment with a worker")["development"]
        project = operator.post("/projects", name="Shop", key="SHOP")
        app = operator.post("/apps", project_id=project["id"], name="api")
        release = operator.post(f"/apps/{app['id']}/releases", version="1.0", manifest=MANIFEST)

        context = browser.new_context(viewport={"width": 1440, "height": 900})
        page, board = context.new_page(), context.new_page()
        sign_in(page, installation)
        hands = Hands(page, installation.url)
        hands.set("LOG_LEVEL", "error")
        hands.set("LOG_LEVEL", "info", project=project["id"])
        hands.set("LOG_LEVEL", "debug", app=app["id"], environment=development["id"])

        # What is missing is asked for in the sheet, and nothing is deployed before it is there.
        board.goto(f"{installation.url}/?environment=")
        board.evaluate("window.neverReloaded = true")
        page.goto(f"{installation.url}/releases/{release['id']}")
        page.get_by_role("link", name="Deploy 1.0 to Development").click()
        sheet = page.locator("#sheet")
        expect(sheet).to_contain_text("2 keys have no value that api 1.0 could run with in development")
        sheet.get_by_label("LIMIT").fill("12")
        sheet.get_by_label("TOKEN").fill(FIRST)
        sheet.get_by_role("button", name="Save and check again").click()
        expect(sheet.locator(".fix")).to_have_count(0)
        carry_out(page, "development")
        expect(cell(board, "development")).to_contain_text(re.compile(r"1\.0.*Live", re.S), timeout=SLOW)
        first = operator.resolved(app, development, reveal="true")
        assert (first["LOG_LEVEL"], first["TOKEN"]) == ("debug", FIRST)
        assert given(running(app, development), first) == first

        # Everything that is set for the key, strongest first; a secret is shown when it is asked for, and recorded.
        here = {"app": app["id"], "environment": development["id"]}
        hands.look(**here)
        hands.row("LOG_LEVEL").get_by_role("link", name="2 values").click()
        expect(page.locator("#o-LOG_LEVEL")).to_contain_text("error")
        assert not leaked(page.content())
        hands.row("TOKEN").get_by_role("button", name=re.compile("^Reveal TOKEN")).click()
        expect(hands.row("TOKEN")).to_contain_text(FIRST)
        assert "secret.revealed" in str(operator.get("/events"))

        # What was changed is not running before it is deployed again, and comes back with the deployment that had it.
        hands.change("LOG_LEVEL", "warn", **here)
        again = board.get_by_role("link", name=re.compile("^Deploy api 1.0 to development again", re.I))
        expect(again).to_be_visible(timeout=SLOW)
        assert given(running(app, development), first) == first
        again.click()
        expect(board.locator("#sheet")).to_contain_text("LOG_LEVEL")
        carry_out(board, "development")
        newer = {**first, "LOG_LEVEL": "warn"}
        wait_until(lambda: given(running(app, development), newer) == newer, 60, "the change runs")
        expect(again).to_have_count(0)
        assert board.evaluate("window.neverReloaded") is True
