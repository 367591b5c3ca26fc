"""Configuration in a real browser: set, asked for where it is missing, revealed, changed, overtaken, taken back."""

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.browser import carry_out, cell, chromium, sign_in
from tests.journeys.installation import Installation, wait_until
from tests.journeys.test_configuration_by_api import FIRST, MANIFEST, SECOND, Configured, given, leaked, running
from tests.journeys.test_story_by_api import _active

pytestmark = pytest.mark.timeout(600)
SLOW = 60_000


class Hands:
    """What a person does on the pages of configuration."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url

    def set(self, key: str, value: str, **scope: str) -> None:
        self.page.goto(f"{self.url}/configuration/variables/new?{self._asked(scope)}")
        self.page.locator("#id_key").fill(key)
        self.page.locator("#id_value").fill(value)
        self.page.get_by_role("button", name="Set variable").click()
        expect(self.page.locator("[data-toast]")).to_contain_text(f"{key} is set")

    def change(self, key: str, value: str, **scope: str) -> None:
        self.look(**scope)
        self.page.get_by_role("link", name=key, exact=True).click()
        self.page.get_by_role("link", name="Change", exact=True).click()
        self.page.locator("#id_value").fill(value)
        self.page.locator("main form.form footer button.primary").click()
        expect(self.page.locator("#entry section").first).to_contain_text(value)

    def look(self, **scope: str) -> None:
        self.page.goto(f"{self.url}/configuration?{self._asked(scope)}")

    @staticmethod
    def _asked(scope: dict[str, str]) -> str:
        """An environment is named always, lest the one that was chosen before is meant."""
        return urlencode({"environment": "", **scope})

    def row(self, key: str) -> Any:
        return self.page.locator(f"tr[data-row='{key}']")


def test_a_person_sees_what_runs_changes_it_and_takes_it_back(installation: Installation) -> None:
    with installation.client() as client, chromium() as browser:
        operator = Configured(client)
        stages = [{"name": name.title(), "environments": [name]} for name in ("development", "staging", "production")]
        operator.post("/chains", name="Default", stages=stages, create_missing=True)
        environments = wait_until(lambda: _active(operator), 90, "three environments with a worker each")
        development, staging = environments["development"], environments["staging"]
        project = operator.post("/projects", name="Shop", key="SHOP")
        app = operator.post("/apps", project_id=project["id"], name="till")
        one, two = (
            operator.post(f"/apps/{app['id']}/releases", version=version, manifest=MANIFEST)
            for version in ("1.0", "2.0")
        )
        here = {"app": app["id"], "environment": "development"}

        def runs(expected: dict[str, str]) -> bool:
            return given(running(app, development), expected) == expected

        context = browser.new_context(viewport={"width": 1440, "height": 900})
        page, board = context.new_page(), context.new_page()
        sign_in(page, installation)
        hands = Hands(page, installation.url)
        hands.set("LOG_LEVEL", "error")
        hands.set("LOG_LEVEL", "notice", environment="development")
        hands.set("LOG_LEVEL", "info", project=project["id"])
        hands.set("LOG_LEVEL", "hint", app=app["id"])
        hands.set("LOG_LEVEL", "debug", **here)
        hands.set("LIMIT", "12", app=app["id"])

        # What is missing is asked for in the sheet, and nothing is deployed before it is there.
        board.goto(f"{installation.url}/?environment=")
        board.evaluate("window.neverReloaded = true")
        page.goto(f"{installation.url}/releases/{one['id']}")
        page.get_by_role("link", name="Deploy 1.0 to Development").click()
        give_what_is_missing(page, "development", FIRST)
        expect(cell(board, "development")).to_contain_text(live("1.0"), timeout=SLOW)
        first = operator.resolved(app, development, reveal="true")
        assert (first["LOG_LEVEL"], first["TOKEN"], first["LIMIT"]) == ("debug", FIRST, "12")
        assert runs(first)
        board.get_by_role("link", name=re.compile("^Promote till 1.0 to staging")).click()
        give_what_is_missing(board, "staging", SECOND)
        expect(cell(board, "staging")).to_contain_text(live("1.0"), timeout=SLOW)
        there = operator.resolved(app, staging, reveal="true")
        assert (there["LOG_LEVEL"], there["TOKEN"]) == ("hint", SECOND)
        assert given(running(app, staging), there) == there

        # Everything that is set for the key, strongest first; a secret is shown when it is asked for, and recorded.
        hands.look(**here)
        hands.row("LOG_LEVEL").get_by_role("link", name="4 values").click()
        for value in ("error", "notice", "info", "hint"):
            expect(page.locator("#o-LOG_LEVEL")).to_contain_text(value)
        assert not leaked(page.content())
        hands.row("TOKEN").get_by_role("button", name=re.compile("^Reveal TOKEN")).click()
        expect(hands.row("TOKEN")).to_contain_text(FIRST)
        assert "secret.revealed" in str(operator.get("/events"))

        # What was changed is not running before it is deployed again.
        hands.change("LOG_LEVEL", "warn", **here)
        again = board.get_by_role("link", name=re.compile("^Deploy till 1.0 to development again", re.I))
        expect(again).to_be_visible(timeout=SLOW)
        assert runs(first)
        again.click()
        expect(board.locator("#sheet")).to_contain_text("LOG_LEVEL")
        carry_out(board, "development")
        newer = {**first, "LOG_LEVEL": "warn"}
        wait_until(lambda: runs(newer), 60, "the change runs")
        expect(again).to_have_count(0)

        # A deployment that is taken back brings back its configuration.
        hands.change("LOG_LEVEL", "trace", **here)
        page.goto(f"{installation.url}/releases/{two['id']}")
        page.get_by_role("link", name="Deploy 2.0 to Development").click()
        carry_out(page, "development")
        expect(cell(board, "development")).to_contain_text(live("2.0"), timeout=SLOW)
        assert runs({**first, "LOG_LEVEL": "trace"})
        page.goto(f"{installation.url}/environments/{development['id']}")
        page.get_by_role("link", name=re.compile("^Roll back till to 1.0")).click()
        expect(page.locator("#sheet")).to_contain_text("LOG_LEVEL")
        carry_out(page, "development")
        expect(cell(board, "development")).to_contain_text(re.compile("1.0.*(Rolled back|Held)", re.S), timeout=SLOW)
        assert runs(newer), "release and configuration are back"
        assert board.evaluate("window.neverReloaded") is True


def give_what_is_missing(page: Page, stage: str, token: str) -> None:
    sheet = page.locator("#sheet")
    expect(sheet).to_contain_text(f"1 key has no value that till 1.0 could run with in {stage}")
    sheet.get_by_label("TOKEN").fill(token)
    sheet.get_by_role("button", name="Save and check again").click()
    expect(sheet.locator(".fix")).to_have_count(0)
    carry_out(page, stage)


def live(version: str) -> re.Pattern[str]:
    return re.compile(f"{re.escape(version)}.*Live", re.S)
