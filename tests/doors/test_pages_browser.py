"""The pages of environments and runs in a real browser: sheets, what is announced, logs that begin at their end."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from environments import lifecycle
from environments.delivery import deployments
from environments.doing import conclusions, observing, service_logs
from environments.models import Deployment, Environment, Hold, Run
from environments.planning import plans
from environments.runs import logs, steps
from tests.doors.web import Web
from tests.environments.house import House


@pytest.fixture
def development(harbour: House) -> Environment:
    environment = harbour.environment("development", display_name="Development")
    harbour.chain("development")
    return environment


@pytest.fixture
def run(harbour: House, development: Environment) -> Run:
    release = harbour.release(harbour.app("ledger"), "1.0")
    plan = plans.propose(by=harbour.owner, release=release, environment=development)
    return harbour.claimed(deployments.carry_out(plan, by=harbour.owner))


def line(words: str) -> dict[str, Any]:
    return {"text": words, "stream": "out", "step": 1, "at": "2026-01-01T10:00:00.000Z"}


def opened(page: Page, address: str) -> Page:
    page.goto(address)
    expect(page.locator("[data-live-status]").first).to_contain_text("Live")
    return page


def test_a_long_log_begins_at_its_end_and_only_the_log_scrolls(
    page: Page, server: Web, harbour: House, development: Environment, run: Run
) -> None:
    logs.append(run.id, run.attempt, harbour.workers[development.id], 0, [line(f"line {n}") for n in range(300)])

    page.set_viewport_size({"width": 1440, "height": 1100})
    opened(page, f"{server.url}/runs/{run.id}")

    expect(page.get_by_text("line 299", exact=True)).to_be_in_viewport()
    assert page.evaluate("scrollY") == 0


def test_a_step_under_way_counts_on_and_the_end_is_announced(
    page: Page, server: Web, harbour: House, development: Environment, run: Run
) -> None:
    worker = harbour.workers[development.id]
    steps.report(run.id, run.attempt, worker, steps.Report(n=1, name="Fetch", phase="running"))
    opened(page, f"{server.url}/runs/{run.id}")
    spent = page.locator("#run-steps [aria-current] time")
    before = spent.inner_text()
    expect(spent).not_to_have_text(before)
    expect(page.locator("#announce")).to_be_empty()

    conclusions.finish(run.id, run.attempt, worker, "succeeded", "")

    announced = f"Run {run.number}, Deploy ledger 1.0 to Development: Succeeded"
    expect(page.locator("#announce")).to_have_text(announced)


def test_an_environments_page_announces_what_came_to_an_end(
    page: Page, server: Web, harbour: House, development: Environment, run: Run
) -> None:
    opened(page, f"{server.url}/environments/{development.id}")

    conclusions.finish(run.id, run.attempt, harbour.workers[development.id], "succeeded", "")

    expect(page.locator("#announce")).to_have_text("ledger 1.0 is live in Development")
    lifecycle.update(development, by=harbour.owner, display_name="Playground")
    expect(page.locator("#env-head h1")).to_have_text("Playground")


def test_a_hold_is_placed_in_a_sheet_that_says_what_is_missing(
    page: Page, server: Web, harbour: House, development: Environment, run: Run
) -> None:
    conclusions.finish(run.id, run.attempt, harbour.workers[development.id], "succeeded", "")
    opened(page, f"{server.url}/environments/{development.id}")

    page.get_by_role("link", name="Hold ledger in Development").click()
    sheet = page.locator("#sheet")
    expect(sheet.get_by_label("Why")).to_be_focused()
    sheet.get_by_label("Why").fill("   ")
    page.keyboard.press("Enter")
    expect(sheet.get_by_label("Why")).to_have_accessible_description(re.compile("Say why"))
    expect(sheet.get_by_label("Why")).to_be_focused()
    sheet.get_by_label("Why").fill("Counting stock")
    page.keyboard.press("Enter")

    expect(sheet).to_be_hidden()
    expect(page.locator("#toasts")).to_contain_text("ledger is held in Development")
    expect(page.locator("#env-releases")).to_contain_text(re.compile(r"Held\s*Counting stock"))
    page.get_by_role("button", name="Lift the hold on ledger").click()
    expect(page.locator("#env-releases")).to_contain_text("Live")
    assert Hold.objects.filter(lifted_at=None).count() == 0


def test_the_chosen_log_is_followed_and_stays_in_the_address(
    page: Page, server: Web, harbour: House, development: Environment
) -> None:
    project = harbour.project()
    made = [harbour.live(harbour.release(harbour.app(n, project=project), "1.0"), development) for n in ("one", "two")]
    worker = harbour.workers[development.id]
    service = {"name": "web", "state": "running", "pid": 1, "port": 20000, "restarts": 0}
    slots = [
        {"app_id": str(one.app_id), "deployment_id": str(one.id), "number": 1, "services": [service]} for one in made
    ]
    observing.observe(worker, {"slots": slots, "resources": {"cpu": 0, "memory": 1, "storage": 1}, "missing": []})

    def says(of: Deployment, offset: int, words: str) -> None:
        chunk = {"app_id": str(of.app_id), "service": "web", "deployment_id": str(of.id), "offset": offset}
        service_logs.take_in(worker, [chunk | {"lines": [line(words)]}])

    says(made[0], 0, "from the first")
    says(made[1], 0, "from the second")
    opened(page, f"{server.url}/environments/{development.id}")
    expect(page.locator("#service-log")).to_contain_text("from the first")

    page.get_by_label("Service", exact=True).select_option(label="two / web")
    expect(page.locator("#service-log")).to_contain_text("from the second")
    page.wait_for_timeout(500)
    says(made[1], 1, "and more")

    expect(page.locator("#service-log")).to_contain_text("and more")
    assert f"log={made[1].app_id}" in page.url
    page.reload()
    expect(page.locator("#service-log")).to_contain_text("from the second")
    expect(page.locator("#service-log li")).to_have_count(2)


def test_a_deletion_says_in_the_sheet_what_was_typed_wrong(page: Page, server: Web, harbour: House) -> None:
    review = harbour.environment("review")
    opened(page, f"{server.url}/environments/{review.id}")

    page.get_by_role("link", name="Delete").click()
    sheet = page.locator("#sheet")
    sheet.get_by_label(re.compile("Type review")).fill("Review")
    page.keyboard.press("Enter")
    typed = sheet.get_by_label(re.compile("Type review"))
    expect(typed).to_have_accessible_description(re.compile("Type review exactly"))
    expect(typed).to_have_value("Review")
    expect(typed).to_be_focused()
    typed.fill("review")
    page.keyboard.press("Enter")

    expect(page).to_have_url(f"{server.url}/environments")
    expect(page.locator("#toasts")).to_contain_text("review is being terminated")


def test_a_stage_is_moved_by_keyboard_and_removed_when_that_was_meant(
    page: Page, server: Web, harbour: House, development: Environment
) -> None:
    for name in ("staging", "production"):
        harbour.environment(name)
    own = harbour.chain("development", "staging", "production", project=harbour.project("OWN"))
    page.goto(f"{server.url}/chain/{own.id}")

    page.get_by_role("button", name="Move Stage 3 up").press("Enter")
    expect(page.locator("#toasts")).to_contain_text("Stage 3 is stage 2 of 3 now.")
    expect(page.get_by_role("button", name="Move Stage 3 up")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Move Stage 3 down")).to_be_focused()

    page.get_by_role("link", name="Remove Stage 3 from the chain").press("Enter")
    page.locator("#sheet").get_by_role("link", name="Cancel").click()
    expect(page.get_by_role("link", name="Remove Stage 3 from the chain")).to_be_focused()
    page.keyboard.press("Enter")
    page.locator("#sheet").get_by_role("button", name="Remove Stage 3").click()
    expect(page.locator("#toasts")).to_contain_text("Stage 3 is removed from the chain.")
    expect(page.get_by_role("link", name="Remove Stage 1 from the chain")).to_be_focused()


def test_a_service_log_goes_on_after_a_restart_with_no_line_lost_or_doubled(
    page: Page, server: Web, harbour: House, development: Environment
) -> None:
    live = harbour.live(harbour.release(harbour.app("one"), "1.0"), development)
    worker = harbour.workers[development.id]
    service = {"name": "web", "state": "running", "pid": 1, "port": 20000, "restarts": 0}
    slot = {"app_id": str(live.app_id), "deployment_id": str(live.id), "number": 1, "services": [service]}
    observing.observe(worker, {"slots": [slot], "resources": {"cpu": 0, "memory": 1, "storage": 1}, "missing": []})

    def says(n: int) -> None:
        chunk = {"app_id": str(live.app_id), "service": "web", "deployment_id": str(live.id), "offset": n}
        service_logs.take_in(worker, [chunk | {"lines": [line(f"line {n}")]}])

    says(0)
    opened(page, f"{server.url}/environments/{development.id}")
    page.wait_for_timeout(500)
    says(1)
    expect(page.locator("#service-log li")).to_have_count(2)

    server.stop()
    says(2)
    server.start()
    says(3)

    expect(page.locator("#service-log li")).to_have_count(4)
    assert page.locator("#service-log li span").all_text_contents() == [f"line {n}" for n in range(4)]
