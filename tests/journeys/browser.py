"""A real Chromium for journeys, and what people do in it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests import browsers
from tests.journeys.installation import Installation

FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"),
    "--mute-audio",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browsers.chromium(), args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def sign_in(page: Page, installation: Installation) -> None:
    sign_in_at(page, installation.url, installation.owner)


def sign_in_at(page: Page, url: str, owner: dict[str, Any]) -> None:
    page.goto(f"{url}/")
    page.get_by_label("User name").fill(owner["username"])
    page.get_by_label("Password").fill(owner["password"])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{url}/")


def column(board: Page, stage: str) -> Any:
    return board.locator("thead th").filter(has_text=stage)


def cell(board: Page, stage: str) -> Any:
    return board.locator(f"td[data-env='{stage}']").first


def deploy(page: Page, installation: Installation, version: str, stage: str, *, project: str, app: str) -> None:
    page.goto(installation.url + "/projects")
    page.get_by_role("link", name=project).click()
    page.get_by_role("link", name=app, exact=True).first.click()
    page.locator("table").last.get_by_role("link", name=version, exact=True).click()
    page.get_by_role(
        "link", name=re.compile(f"^(Deploy|Promote|Deploy again) {re.escape(version)} to {stage}$")
    ).click()
    carry_out(page, stage)


def promote(board: Page, stage: str, *, app: str) -> None:
    board.get_by_role("link", name=re.compile(f"^Promote {app} .* to {stage}")).first.click()
    carry_out(board, stage)


def roll_back_production(page: Page, installation: Installation, *, app: str) -> None:
    page.goto(installation.url + "/environments?environment=")
    page.get_by_role("link", name="Production", exact=True).first.click()
    page.get_by_role("link", name=re.compile(f"^Roll back {app} to")).click()
    carry_out(page, "Production")


def carry_out(page: Page, stage: str) -> None:
    """Confirm the plan: by typing the name where the environment is protected."""
    plan = page.locator(".plan")
    expect(plan).to_be_visible()
    confirm = plan.locator("input[name=confirm]")
    if confirm.count():
        confirm.fill("production")
    plan.locator("footer button.primary, footer button[type=submit]").last.click()
    expect(page.locator("dialog .plan")).to_have_count(0)
