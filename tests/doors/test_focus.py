"""Where focus and what was typed are after a part of the page was put in place anew: never lost, never at its top."""

import re

import pytest
from playwright.sync_api import Page, expect

from environments.models import Deployment, Environment
from projects.models import App
from tests.doors.web import Web
from tests.environments.house import House
from tests.environments.site import until


@pytest.fixture
def stages(harbour: House) -> list[Environment]:
    found = [harbour.environment(name) for name in ("development", "staging")]
    Environment.objects.filter(pk=found[1].pk).update(protected=True)
    harbour.chain("development", "staging")
    return found


@pytest.fixture
def app(harbour: House, stages: list[Environment]) -> App:
    """1.1 and 1.0 have been live in development."""
    made = harbour.app("ledger")
    for version in ("1.0", "1.1"):
        harbour.live(harbour.release(made, version), stages[0])
    return made


def promoting(page: Page, server: Web) -> None:
    page.goto(server.url)
    page.get_by_role("link", name=re.compile("^Promote ledger 1.1 to staging")).click()
    expect(page.locator("#plan-confirm")).to_be_focused()


def test_what_was_typed_into_a_plan_and_the_focus_outlive_another_look_at_it(page: Page, server: Web, app: App) -> None:
    promoting(page, server)
    page.fill("#plan-reason", "Asked for")
    page.fill("#plan-link", "https://tickets.example/7")
    page.fill("#plan-confirm", "stag")

    page.evaluate("document.getElementById('plan').dataset.old = 'yes'")
    page.get_by_role("link", name="Check again").click()
    expect(page.locator("#plan[data-old]")).to_have_count(0)
    expect(page.locator("#plan-again")).to_be_focused()
    page.locator("#plan-release").focus()
    with page.expect_response(re.compile("/plans/draft")):
        page.keyboard.press("ArrowDown")
    expect(page.locator("#plan .hop")).to_contain_text("1.0")

    expect(page.locator("#plan-release")).to_be_focused()
    typed = [page.input_value(f"#plan-{name}") for name in ("reason", "link", "confirm")]
    assert typed == ["Asked for", "https://tickets.example/7", "stag"]


def test_who_moves_on_at_once_after_closing_a_sheet_stays_there(page: Page, server: Web, app: App) -> None:
    promoting(page, server)
    page.evaluate(
        """() => new Promise(over => {
            const sheet = document.getElementById("sheet");
            sheet.addEventListener("close", () => setTimeout(over));
            sheet.close();
            document.querySelector(".matrix th a").focus();
        })"""
    )
    expect(page.locator(".matrix th a").first).to_be_focused()


def test_going_back_closes_the_sheet_and_stays_on_the_page(page: Page, server: Web, app: App) -> None:
    page.goto(server.url + "/projects")
    promoting(page, server)
    page.evaluate("document.body.dataset.same = 'yes'")

    page.go_back()
    expect(page.locator("#sheet")).to_be_hidden()
    page.get_by_role("link", name=re.compile("^Promote ledger 1.1 to staging")).click()
    page.get_by_role("link", name="Close").click()
    expect(page.locator("#sheet")).to_be_hidden()
    until(lambda: not page.evaluate("history.state?.sheet"), 10)

    expect(page.locator("body")).to_have_attribute("data-same", "yes")
    page.go_back()
    expect(page).to_have_url(server.url + "/projects")


def test_a_page_that_was_left_with_its_sheet_open_is_one_step_back_and_no_more(
    page: Page, server: Web, app: App
) -> None:
    page.goto(server.url + "/projects")
    promoting(page, server)
    page.goto(server.url + "/runs")

    page.go_back()
    expect(page.locator("#board")).to_be_visible()
    expect(page.locator("#sheet")).to_be_hidden()
    until(lambda: not page.evaluate("history.state?.sheet"), 10)
    page.go_back()
    expect(page).to_have_url(server.url + "/projects")


def test_a_sheet_of_another_sign_in_says_so_and_what_to_do(page: Page, server: Web, harbour: House, app: App) -> None:
    promoting(page, server)
    elsewhere = page.context.new_page()
    page.context.clear_cookies(name=re.compile("^towpath_csrf"))
    elsewhere.goto(server.url + "/projects")
    elsewhere.close()

    page.fill("#plan-confirm", "staging")
    page.keyboard.press("Enter")

    expect(page.locator("#toasts")).to_contain_text("under another sign-in. Nothing was changed. Open the page again.")


def test_after_a_plan_was_carried_out_the_focus_is_in_its_row(
    page: Page, server: Web, app: App, harbour: House, stages: list[Environment]
) -> None:
    promoting(page, server)
    page.keyboard.type("staging")
    page.keyboard.press("Enter")
    expect(page.locator(f"#a-{app.id}")).to_contain_text("Queued")
    harbour.ended(Deployment.objects.get(environment=stages[1]))
    expect(page.locator("#announce")).to_contain_text("ledger 1.1 is live in staging")

    assert page.evaluate("document.activeElement.closest('tr')?.id") == f"a-{app.id}"


def test_after_a_stop_the_focus_is_on_what_was_stopped(page: Page, server: Web, stages: list[Environment]) -> None:
    page.goto(f"{server.url}/environments/{stages[0].id}")
    page.on("dialog", lambda dialog: dialog.accept())

    page.get_by_role("button", name="Stop").focus()
    page.keyboard.press("Enter")

    expect(page.locator("#env-head .status").first).to_contain_text("Stopping")
    page.wait_for_timeout(600)
    assert page.evaluate("document.activeElement.closest('#env-head') !== null")


def test_the_worker_command_can_be_copied_once_it_is_shown(page: Page, server: Web, stages: list[Environment]) -> None:
    page.goto(f"{server.url}/environments/{stages[0].id}")

    page.get_by_role("button", name="Show the command").click()

    expect(page.locator("#worker-command code")).to_be_focused()
    expect(page.locator("#worker-command").get_by_role("button", name="Copy")).to_be_visible()


def test_the_switcher_is_typed_into_and_entered(page: Page, server: Web, app: App, stages: list[Environment]) -> None:
    page.goto(server.url + "/projects")

    page.get_by_role("button", name=re.compile("^Environment")).click()
    page.keyboard.type("stag")
    page.keyboard.press("Enter")

    expect(page).to_have_url(server.url + "/projects?environment=staging")
    expect(page.get_by_role("button", name=re.compile("^Environment"))).to_contain_text("staging")
