"""Saying why, and undoing, as a person does it: typed into what is folded away, offered in the message afterwards."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from environments import lifecycle
from environments.delivery import holds
from environments.doing import observing
from environments.models import Environment, Run
from projects.models import App, Event
from tests.doors.eye import Eye
from tests.doors.web import Web
from tests.environments.house import House

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def lagoon(harbour: House) -> Environment:
    """One app live in it, held, with a service that was seen."""
    environment = harbour.environment("lagoon", display_name="Lagoon")
    app = harbour.app("ledger")
    deployment = harbour.live(harbour.release(app, "1.0"), environment)
    holds.place(app, environment, by=harbour.owner, reason="Counting stock")
    service = {"name": "web", "state": "running", "pid": 1, "port": 20000, "restarts": 0}
    slot = {"app_id": str(app.id), "deployment_id": str(deployment.id), "number": 1, "services": [service]}
    resources = {"cpu": 0, "memory": 1, "storage": 1}
    observing.observe(harbour.workers[environment.id], {"slots": [slot], "resources": resources, "missing": []})
    return environment


def test_who_stops_an_environment_says_why_and_takes_it_back(
    page: Page, server: Web, harbour: House, lagoon: Environment
) -> None:
    page.goto(f"{server.url}/environments/{lagoon.id}")
    page.on("dialog", lambda asked: asked.accept())
    head = page.locator("#env-head")
    head.get_by_text("Why?").click()
    head.get_by_label("Reason").fill("The night is quiet")
    page.keyboard.press("Enter")
    head.get_by_label("Link").fill("https://tickets.example.org/T-7")
    assert not Event.objects.filter(kind="environment.stopping_started").exists(), "Enter guesses no act"
    head.get_by_role("button", name="Stop").click()

    undo = page.locator("#toasts").get_by_role("button", name="Undo")
    expect(undo).to_be_visible()
    expect(page.locator("#env-activity")).to_contain_text("Lagoon is being stopped: The night is quiet")
    expect(page.locator("#env-activity").get_by_role("link", name="tickets.example.org/T-7")).to_be_visible()
    undo.press("Enter")

    expect(page.locator("#toasts")).to_contain_text("Undone: Lagoon is being stopped")
    assert Environment.objects.get(pk=lagoon.pk).wanted == "active"


def test_a_link_that_leads_nowhere_unfolds_where_it_stands(
    page: Page, server: Web, harbour: House, lagoon: Environment
) -> None:
    page.goto(f"{server.url}/environments/{lagoon.id}/settings")
    why = page.locator("details.why")
    why.get_by_text("Why?").click()
    why.get_by_label("Link").fill("ticket seven")
    why.get_by_text("Why?").click()
    expect(why.get_by_label("Link")).to_be_hidden()
    page.get_by_role("button", name="Save").click()
    expect(why.get_by_label("Link")).to_be_focused()


def test_a_service_is_restarted_for_a_reason(page: Page, server: Web, harbour: House, lagoon: Environment) -> None:
    page.goto(f"{server.url}/environments/{lagoon.id}")
    page.on("dialog", lambda asked: asked.accept())
    card = page.locator("#env-resources")
    card.get_by_text("Why?").click()
    card.get_by_label("Reason").fill("It leaks")
    card.get_by_role("button", name="Restart ledger / web").click()
    expect(page.locator("#toasts")).to_contain_text("ledger / web is being restarted in Lagoon")
    assert Run.objects.get(kind="restart").specification["reason"] == "It leaks"


def test_without_script_a_lifted_hold_is_taken_back(
    browser: Browser, page: Page, server: Web, harbour: House, lagoon: Environment
) -> None:
    state = page.context.storage_state()
    context = browser.new_context(java_script_enabled=False, storage_state=state)  # type: ignore[arg-type]
    plain = context.new_page()
    plain.goto(f"{server.url}/environments/{lagoon.id}")
    card = plain.locator("#env-releases")
    card.get_by_text("Why?").click()
    card.get_by_label("Reason").fill("All is counted")
    card.get_by_role("button", name="Lift the hold on ledger").click()
    assert Event.objects.get(kind="hold.lifted").data["reason"] == "All is counted"
    plain.locator("#toasts").get_by_role("button", name="Undo").click()
    expect(plain.locator("#toasts")).to_contain_text("Undone: Hold on ledger in Lagoon lifted: All is counted.")
    expect(plain.locator("#env-releases")).to_contain_text(re.compile(r"Held\s*Counting stock"))
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_message_that_offers_to_undo_is_accessible(
    page: Page, server: Web, harbour: House, lagoon: Environment, theme: str
) -> None:
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    page.goto(f"{server.url}/environments/{lagoon.id}")
    page.get_by_role("button", name="Lift the hold on ledger").click()
    expect(page.locator("#toasts").get_by_role("button", name="Undo")).to_be_visible()
    assert Axe().run(page, context="#toasts").response["violations"] == []
    lifecycle.update(lagoon, by=harbour.owner, description="still here")
    expect(page.locator("#env-head")).to_contain_text("still here")


def test_what_can_be_undone_stays_until_it_is_dismissed_and_what_cannot_leaves(
    page: Page, server: Web, harbour: House, lagoon: Environment
) -> None:
    page.clock.install()
    page.goto(f"{server.url}/environments/{lagoon.id}/settings")
    page.get_by_label("Description").fill("deep")
    page.get_by_role("button", name="Save").click()
    offered = page.locator("[data-toast]", has=page.get_by_role("button", name="Undo"))
    expect(offered).to_be_visible()
    page.evaluate("dispatchEvent(new CustomEvent('towpath:said', { detail: 'a word' }))")
    expect(page.locator("[data-toast]")).to_have_count(2)
    page.mouse.move(0, 0)

    page.clock.fast_forward(60_000)

    expect(page.locator("[data-toast]")).to_have_count(1)
    expect(offered).to_be_visible()
    offered.get_by_role("button", name="Dismiss").press("Enter")
    expect(offered).to_have_count(0)
    expect(page.get_by_role("heading", level=1)).to_be_focused()


def test_what_was_done_by_a_plain_form_is_announced_on_the_page_it_leads_to(
    page: Page, server: Web, harbour: House, lagoon: Environment
) -> None:
    page.goto(f"{server.url}/environments/{lagoon.id}/settings")
    page.get_by_label("Description").fill("deep")
    page.get_by_role("button", name="Save").click()
    told = page.locator("[data-toast] p")
    expect(told).to_be_visible()
    expect(page.locator("#announce")).to_have_text(told.inner_text())


def test_without_script_what_the_log_tells_of_is_taken_back_beside_it(
    browser: Browser, page: Page, server: Web, harbour: House, lagoon: Environment
) -> None:
    state = page.context.storage_state()
    context = browser.new_context(java_script_enabled=False, storage_state=state)  # type: ignore[arg-type]
    plain = context.new_page()
    for place, kind in ((f"/environments/{lagoon.id}", "hold.placed"), ("/activity", "hold.lifted")):
        plain.goto(server.url + place)
        plain.get_by_role("button", name=re.compile("^Undo: Hold on ledger|^Undo: Hold put on ledger")).click()
        expect(plain.locator("#toasts")).to_contain_text("Undone: Hold")
        assert Event.objects.filter(kind=kind).exists()
    assert Event.objects.filter(kind="hold.placed").count() == 2
    context.close()


def test_what_can_be_undone_is_offered_to_everybody_who_looks(
    browser: Browser, server: Web, harbour: House, lagoon: Environment
) -> None:
    eye = Eye(browser, server.url)
    eye.become(harbour.owner)
    lifecycle.update(lagoon, by=harbour.owner, description="deep " * 30)
    for place in ("/activity", f"/environments/{lagoon.id}", f"/apps/{App.objects.get(name='ledger').id}"):
        eye.visit(place)
        button = eye.page.get_by_role("button", name=re.compile("^Undo: ")).first
        button.focus()
        expect(button).to_be_focused()
    assert (eye.found, eye.complaints) == ([], [])
    eye.close()
