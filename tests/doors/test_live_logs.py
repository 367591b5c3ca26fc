"""Logs and progress on open pages: lines as they are written, once each, and the reader's place is kept."""

import time
import uuid
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from environments import retries
from environments.delivery import deployments
from environments.doing import conclusions, service_logs
from environments.models import Environment, Run, Worker
from environments.planning import plans
from environments.runs import claim, logs, steps
from tests.doors.web import Web
from tests.environments.house import House
from tests.patience import patience


@pytest.fixture
def development(harbour: House) -> Environment:
    environment = harbour.environment("development")
    harbour.chain("development")
    return environment


@pytest.fixture
def run(harbour: House, development: Environment) -> Run:
    release = harbour.release(harbour.app("ledger"), "1.0.0")
    plan = plans.propose(by=harbour.owner, release=release, environment=development)
    return harbour.claimed(deployments.carry_out(plan, by=harbour.owner))


# What scrolls around the log: itself, a box around it, or the page.
GROUND = """(() => {
  for (let box = document.getElementById("log"); box; box = box.parentElement)
    if (/auto|scroll/.test(getComputedStyle(box).overflowY) && box.scrollHeight > box.clientHeight + 1) return box;
  return document.scrollingElement;
})()"""


def line(text: str) -> dict[str, Any]:
    return {"text": text, "stream": "out", "step": 1, "at": "2026-01-01T10:00:00.000Z"}


def write(run: Run, worker: Worker, first: int, last: int) -> None:
    logs.append(run.id, run.attempt, worker, first, [line(f"line number {n}") for n in range(first, last)])


def shown(page: Page) -> list[str]:
    return page.locator("#log li span").all_text_contents()


def test_a_runs_page_shows_lines_and_steps_while_they_happen(
    page: Page, server: Web, harbour: House, development: Environment, run: Run
) -> None:
    worker = harbour.workers[development.id]
    write(run, worker, 0, 3)
    page.goto(f"{server.url}/runs/{run.id}")
    expect(page.locator("[data-live-status]").first).to_contain_text("Live")
    page.evaluate("window.neverReloaded = true")

    begun = time.monotonic()
    write(run, worker, 3, 6)
    expect(page.locator("#log")).to_contain_text("line number 5")
    took = time.monotonic() - begun
    steps.report(run.id, run.attempt, worker, steps.Report(n=1, name="Fetch", phase="running", detail="half of it"))
    expect(page.locator("#run-steps")).to_contain_text("half of it")
    conclusions.finish(run.id, run.attempt, worker, "failed", "The health check failed.")
    expect(page.locator("#run-head")).to_contain_text("Failed")

    assert took < patience(1.5)
    assert shown(page) == [f"line number {n}" for n in range(6)]
    assert page.evaluate("window.neverReloaded") is True


def test_a_line_that_was_written_over_shows_its_end_and_forges_nothing(
    page: Page, server: Web, harbour: House, development: Environment, run: Run
) -> None:
    worker = harbour.workers[development.id]
    logs.append(run.id, run.attempt, worker, 0, [line("drawn 10%\rdrawn with the page\r")])
    page.goto(f"{server.url}/runs/{run.id}")
    expect(page.locator("[data-live-status]").first).to_contain_text("Live")

    logs.append(run.id, run.attempt, worker, 1, [line("10%\r20%\revent: end\rid: 900\rdata: told"), line("after it")])

    expect(page.locator("#log")).to_contain_text("after it")
    assert shown(page) == ["drawn with the page", "data: told", "after it"]


def test_a_log_goes_on_after_a_restart_with_no_line_lost_or_doubled(
    page: Page, server: Web, harbour: House, development: Environment, run: Run
) -> None:
    worker = harbour.workers[development.id]
    write(run, worker, 0, 2)
    page.goto(f"{server.url}/runs/{run.id}")
    write(run, worker, 2, 4)
    expect(page.locator("#log")).to_contain_text("line number 3")

    server.stop()
    write(run, worker, 4, 7)
    server.start()
    write(run, worker, 7, 9)

    expect(page.locator("#log")).to_contain_text("line number 8")
    assert shown(page) == [f"line number {n}" for n in range(9)]


def test_the_log_is_followed_only_while_one_is_at_its_end(
    page: Page, server: Web, harbour: House, development: Environment, run: Run
) -> None:
    worker = harbour.workers[development.id]
    write(run, worker, 0, 200)
    page.goto(f"{server.url}/runs/{run.id}")
    expect(page.locator("#log li")).to_have_count(200)
    page.evaluate(f"{GROUND}.scrollTop = 100")
    write(run, worker, 200, 210)
    expect(page.locator("#log li")).to_have_count(210)
    assert page.evaluate(f"{GROUND}.scrollTop") == 100

    page.evaluate(f"{GROUND}.scrollTop = {GROUND}.scrollHeight")
    write(run, worker, 210, 220)
    expect(page.locator("#log li")).to_have_count(220)
    page.wait_for_timeout(200)
    assert page.evaluate(f"{GROUND}.scrollHeight - {GROUND}.scrollTop - {GROUND}.clientHeight") < 5


def test_what_a_service_writes_appears_on_the_environments_page(
    page: Page, server: Web, harbour: House, development: Environment
) -> None:
    app = harbour.app("ledger")
    deployment = harbour.live(harbour.release(app, "1.0.0"), development)
    worker = harbour.workers[development.id]
    _observed(worker, app.id, deployment.id)

    def says(offset: int, text: str) -> None:
        chunk = {"app_id": str(app.id), "service": "web", "deployment_id": str(deployment.id), "offset": offset}
        service_logs.take_in(worker, [chunk | {"lines": [line(text)]}])

    says(0, "listening on its port")
    page.goto(f"{server.url}/environments/{development.id}")
    expect(page.locator("#service-log")).to_contain_text("listening on its port")
    page.wait_for_timeout(500)
    says(1, "GET / 200")

    expect(page.locator("#service-log")).to_contain_text("GET / 200")
    expect(page.locator("#service-log li")).to_have_count(2)


def _observed(worker: Worker, app_id: uuid.UUID, deployment_id: uuid.UUID) -> None:
    from environments.doing import observing

    service = {"name": "web", "state": "running", "pid": 1, "port": 20000, "restarts": 0}
    slot = {"app_id": str(app_id), "deployment_id": str(deployment_id), "number": 1, "services": [service]}
    observing.observe(worker, {"slots": [slot], "resources": {"cpu": 0.1, "memory": 1, "storage": 1}, "missing": []})


def test_a_new_attempt_takes_the_place_of_the_old_one_unless_that_was_chosen(
    page: Page, server: Web, harbour: House, development: Environment, run: Run
) -> None:
    worker = harbour.workers[development.id]
    write(run, worker, 0, 3)
    conclusions.finish(run.id, run.attempt, worker, "failed", "The health check failed.")
    page.goto(f"{server.url}/runs/{run.id}")
    expect(page.locator("#run-head")).to_contain_text("Failed")
    page.evaluate("window.neverReloaded = true")
    page.wait_for_timeout(1000)

    retries.retry(Run.objects.get(pk=run.pk), by=harbour.owner)
    again = claim.by_worker(worker, uuid.uuid4().hex)
    assert again is not None and again.attempt == run.attempt + 1
    steps.lay_out(again, [("Fetch", False)])
    logs.append(run.id, again.attempt, worker, 0, [line("a line of the second attempt")])
    steps.report(run.id, again.attempt, worker, steps.Report(n=1, name="Fetch", phase="running", detail="again"))

    expect(page.locator("#log")).to_contain_text("a line of the second attempt")
    assert shown(page) == ["a line of the second attempt"]
    assert page.evaluate("window.neverReloaded") is True
