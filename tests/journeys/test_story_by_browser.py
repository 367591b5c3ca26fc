"""The sample project's story in a real browser: by clicks on pages that are never reloaded, and without JavaScript."""

import re
from functools import partial

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.journeys import browser as hands
from tests.journeys.browser import cell, chromium, column, sign_in
from tests.journeys.installation import Installation, wait_until

pytestmark = pytest.mark.timeout(400)
STAGES = ("Development", "Staging", "Production")
SLOW = 60_000
deploy = partial(hands.deploy, project="Training", app="greeter")
promote = partial(hands.promote, app="greeter")
roll_back_production = partial(hands.roll_back_production, app="greeter")


def test_the_sample_project_tells_the_whole_story(installation: Installation) -> None:
    with chromium() as browser:
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        page = context.new_page()
        sign_in(page, installation)
        page.get_by_role("button", name=re.compile("sample project")).click()
        expect(page.get_by_role("heading", name="greeter")).to_be_visible()

        board = context.new_page()
        board.goto(installation.url + "/")
        board.evaluate("window.neverReloaded = true")
        for stage in STAGES:
            expect(column(board, stage)).to_contain_text("Running", timeout=SLOW)

        deploy(page, installation, "1.0.0", "Development")
        expect(cell(board, "Development")).to_contain_text("1.0.0", timeout=SLOW)
        expect(cell(board, "Development")).to_contain_text("Live", timeout=SLOW)
        for stage in ("Staging", "Production"):
            promote(board, stage)
            expect(cell(board, stage)).to_contain_text("Live", timeout=SLOW)
        urls = addresses(installation)
        assert {name: version(url) for name, url in urls.items()} == dict.fromkeys(urls, "1.0.0")

        deploy(page, installation, "1.2.0", "Development")
        expect(cell(board, "Development")).to_contain_text(re.compile(r"1\.2\.0.*Live", re.S), timeout=SLOW)
        for stage in ("Staging", "Production"):
            promote(board, stage)
            expect(cell(board, stage)).to_contain_text(re.compile(r"1\.2\.0.*Live", re.S), timeout=SLOW)
        assert version(urls["production"]) == "1.2.0"

        deploy(page, installation, "1.1.0", "Development")
        expect(cell(board, "Development")).to_contain_text("Failed", timeout=SLOW)
        assert version(urls["development"]) == "1.2.0"

        roll_back_production(page, installation)
        expect(cell(board, "Production")).to_contain_text(
            re.compile(r"1\.0\.0.*Rolled back|1\.0\.0.*Held", re.S), timeout=SLOW
        )
        assert version(urls["production"]) == "1.0.0"
        assert board.evaluate("window.neverReloaded") is True


def test_the_same_story_without_javascript(installation: Installation) -> None:
    """After the first journey: what it left behind goes on by forms and links alone."""
    with chromium() as browser:
        context = browser.new_context(java_script_enabled=False)
        page = context.new_page()
        sign_in(page, installation)
        deploy(page, installation, "1.0.0", "Development")
        wait_until(lambda: shown(page, installation, "Development", "1.0.0"), 60, "Development is back at 1.0.0")
        deploy(page, installation, "1.2.0", "Production")
        wait_until(lambda: shown(page, installation, "Production", "1.2.0"), 60, "Production has 1.2.0")
        roll_back_production(page, installation)
        wait_until(lambda: shown(page, installation, "Production", "1.0.0"), 60, "Production is back at 1.0.0")


def shown(page: Page, installation: Installation, stage: str, version: str) -> bool:
    page.goto(installation.url + "/?environment=")
    words = cell(page, stage).inner_text()
    return version in words and ("Live" in words or "Rolled back" in words or "Held" in words)


def addresses(installation: Installation) -> dict[str, str]:
    with installation.client() as client:
        names = {one["id"]: one["name"] for one in client.get("/environments").json()}
        return {names[one["environment_id"]]: one["url"] for one in client.get("/endpoints").json()}


def version(url: str) -> str:
    return httpx.get(f"{url}/version", timeout=10).text
