"""Datasette by clicks alone: from the empty state to production and back, beside a board that is never reloaded."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.browser import cell, chromium, column, deploy, promote, roll_back_production, sign_in
from tests.journeys.installation import Installation, Load
from tests.journeys.test_story_by_api import MANIFEST, MISSING, NEW, OLD, version_at

pytestmark = pytest.mark.timeout(540)
STAGES = ("Development", "Staging", "Production")
SLOW = 120_000


def test_datasette_travels_to_production_and_back_beside_a_board_that_is_never_reloaded(
    installation: Installation,
) -> None:
    with chromium() as browser:
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        page = context.new_page()
        sign_in(page, installation)
        board = context.new_page()
        board.goto(installation.url + "/")
        expect(board.get_by_role("heading", name="Create your first chain")).to_be_visible()
        board.evaluate("window.neverReloaded = true")

        page.get_by_role("button", name=re.compile("Development, Staging and Production")).click()
        for stage in STAGES:
            expect(column(board, stage)).to_contain_text("Running", timeout=SLOW)
        make_app(page, installation)
        expect(cell(board, "Development")).to_contain_text("Not deployed", timeout=SLOW)

        urls = {}
        cut(page, installation, OLD)
        deploy(page, installation, OLD, "Development", project="Data", app="datasette")
        for stage in STAGES:
            if stage != "Development":
                promote(board, stage, app="datasette")
            expect(cell(board, stage)).to_contain_text(live(OLD), timeout=SLOW)
            urls[stage] = address(page, installation, stage)
            assert version_at(urls[stage]) == OLD

        with Load(f"{urls['Production']}/-/versions.json") as load:
            cut(page, installation, NEW)
            deploy(page, installation, NEW, "Development", project="Data", app="datasette")
            for stage in STAGES:
                if stage != "Development":
                    promote(board, stage, app="datasette")
                expect(cell(board, stage)).to_contain_text(live(NEW), timeout=SLOW)
                assert version_at(urls[stage]) == NEW

            cut(page, installation, MISSING)
            deploy(page, installation, MISSING, "Development", project="Data", app="datasette")
            expect(cell(board, "Development")).to_contain_text(f"Failed {MISSING}", timeout=SLOW)
            assert version_at(urls["Development"]) == NEW, "what ran before is untouched"

            roll_back_production(page, installation, app="datasette")
            expect(cell(board, "Production")).to_contain_text(
                re.compile(f"{re.escape(OLD)}.*Rolled back", re.S), timeout=SLOW
            )
            assert version_at(urls["Production"]) == OLD
        assert load.failures == []
        assert load.answered > 100
        assert address(page, installation, "Production") == urls["Production"], "an address is for life"
        assert board.evaluate("window.neverReloaded") is True


def live(version: str) -> re.Pattern[str]:
    return re.compile(rf"{re.escape(version)}.*Live", re.S)


def make_app(page: Page, installation: Installation) -> None:
    page.goto(installation.url + "/projects")
    page.get_by_role("link", name="New project").click()
    page.get_by_label("Name").fill("Data")
    page.get_by_label("Key").fill("DATA")
    page.get_by_role("button", name="Create project").click()
    expect(page.get_by_role("heading", name="New app in Data")).to_be_visible()
    page.get_by_label("Name").fill("datasette")
    page.get_by_role("button", name="Create app").click()
    expect(page.get_by_role("heading", name="New release of datasette")).to_be_visible()


def cut(page: Page, installation: Installation, version: str) -> None:
    """On the form that a new app leads to, or that its page does."""
    if not page.get_by_label("Manifest").count():
        page.goto(installation.url + "/projects")
        page.get_by_role("link", name="Data").click()
        page.get_by_role("link", name="datasette", exact=True).first.click()
        page.get_by_role("link", name="New release").click()
    page.get_by_label("Version").fill(version)
    page.get_by_label("Manifest").fill(MANIFEST)
    page.get_by_role("button", name="Cut release").click()
    expect(page.get_by_role("heading", name=f"datasette {version}")).to_be_visible()


def address(page: Page, installation: Installation, stage: str) -> str:
    """As the environment's page shows it."""
    page.goto(installation.url + "/environments?environment=")
    page.get_by_role("link", name=stage, exact=True).first.click()
    found = page.locator("#env-endpoints a[href^='http']").first.get_attribute("href")
    assert found
    return found.rstrip("/")
