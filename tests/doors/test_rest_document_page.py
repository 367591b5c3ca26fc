"""The document of the API can be read in a browser, under the policy that every page has."""

import pytest
from playwright.sync_api import Page

from tests.doors.web import Web

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_page_shows_the_operations_and_breaks_no_rule(page: Page, server: Web):
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    answer = page.goto(f"{server.url}/api/v1/docs")
    page.get_by_text("/api/v1/promotions").first.click()
    page.get_by_role("button", name="Try it out").click()
    assert complaints == []
    assert answer is not None and "unsafe-inline" not in answer.headers["content-security-policy"]
