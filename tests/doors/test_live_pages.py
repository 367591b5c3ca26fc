"""A real browser on a real server: open pages become true by themselves, piece by piece, without reloading."""

import re
import signal
import time
from urllib.parse import urlsplit

import pytest
from django.core.management import call_command
from playwright.sync_api import Page, Request, expect

from environments import lifecycle, states
from environments.delivery import chains
from environments.models import Chain, Environment, State
from projects import access, apps, events, invitations
from projects import lifecycle as projects
from projects.models import Role
from tests.doors.web import Web, web
from tests.environments.house import House
from tests.patience import patience


@pytest.fixture
def stages(harbour: House) -> list[Environment]:
    found = [harbour.environment(name) for name in ("development", "staging")]
    harbour.chain("development", "staging")
    return found


def open_page(page: Page, address: str) -> list[Request]:
    """Wait until the page is live, and remember what it asks for from then on."""
    page.goto(address)
    expect(page.locator("[data-live-status]").first).to_contain_text("Live")
    page.evaluate("window.neverReloaded = true")
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request))
    return asked


def assert_only_pieces(asked: list[Request]) -> None:
    for request in asked:
        assert request.headers.get("towpath-live") == "1", f"{request.method} {request.url}"
        assert request.resource_type == "fetch"


def test_the_open_activity_tells_of_everything_that_happens(page: Page, server: Web, harbour: House) -> None:
    for name in ("development", "staging"):
        harbour.environment(name)
    open_page(page, f"{server.url}/activity")
    harbour.chain("development", "staging")
    expect(page.locator("#list")).to_contain_text("Promotion chain Chain created")
    invitations.invite(by=harbour.owner, email="vera@example.org", role=Role.VIEWER)
    expect(page.locator("#list")).to_contain_text("Invitation of vera@example.org as viewer made")


def test_a_moment_is_kept_when_another_filter_is_chosen_and_gives_way_to_a_day(
    page: Page, server: Web, harbour: House
) -> None:
    app = harbour.app("ledger")
    harbour.release(app, "1.0")
    page.goto(f"{server.url}/activity?since=2020-01-31T12:00:00Z&until=2999-01-31T12:00:00Z&kind=release.cut")
    moment = page.get_by_label("Since 31 Jan 2020 12:00:00 UTC")
    expect(moment).to_be_checked()
    expect(page.get_by_label("Since", exact=True)).to_be_hidden()
    page.get_by_label("Kind").select_option("app")
    expect(page.locator("#list tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"since=2020-01-31T12%3A00%3A00Z"))

    moment.focus()
    page.keyboard.press("Space")
    expect(page).not_to_have_url(re.compile("2020"))
    expect(page).to_have_url(re.compile(r"until=2999-01-31T12%3A00%3A00Z"))
    page.get_by_label("Since", exact=True).fill("2990-01-01")
    expect(page).to_have_url(re.compile("since=2990-01-01"))
    expect(page.locator("#list")).to_contain_text("Nothing matches")


@events.operation
def moved(harbour: House, environment: Environment, *path: State) -> None:
    environment.refresh_from_db()
    for state in path:
        reason = "The disk is full." if state is State.ERROR else ""
        states.move(environment, state, by=access.system(harbour.organization), reason=reason)


def test_a_commit_elsewhere_changes_the_open_board_within_a_second(
    page: Page, server: Web, harbour: House, stages: list[Environment]
) -> None:
    app = harbour.app("ledger")
    release = harbour.release(app, "1.0.0")
    harbour.app("untouched", project=app.project)
    asked = open_page(page, f"{server.url}/")

    row = page.locator(f"#a-{app.id}")
    begun = time.monotonic()
    harbour.live(release, stages[0])
    expect(row).to_contain_text("1.0.0")
    took = time.monotonic() - begun

    expect(row).to_contain_text("Live")
    assert took < patience(1.5), took
    assert page.evaluate("window.neverReloaded") is True
    assert_only_pieces(asked)
    assert not any("untouched" in request.url for request in asked)


def test_a_sheet_that_was_asked_for_opens_though_its_row_was_drawn_anew_meanwhile(
    page: Page, server: Web, harbour: House, stages: list[Environment]
) -> None:
    app = harbour.app("ledger")
    release = harbour.release(app, "1.0.0")
    harbour.live(release, stages[0])
    open_page(page, f"{server.url}/")
    row, held = page.locator(f"#a-{app.id}"), []
    page.route("**/plans/draft**", lambda route: held.append(route))

    row.get_by_role("link", name=re.compile("^Promote ledger 1.0.0 to staging")).click()
    harbour.live(release, stages[1])
    expect(row.locator("td").nth(1)).to_contain_text("Live")
    held.pop().continue_()

    expect(page.locator("#sheet #plan")).to_be_visible()


def test_a_gate_opens_and_a_cell_stops_with_its_environment_and_other_rows_are_left_alone(
    page: Page, server: Web, harbour: House, stages: list[Environment]
) -> None:
    project = harbour.project()
    never_deployed, live, empty = [harbour.app(name, project=project) for name in ("new", "old", "empty")]
    harbour.release(never_deployed, "1.0")
    harbour.live(harbour.release(live, "1.0"), stages[0])
    moved(harbour, stages[0], State.STOPPING, State.STOPPED)
    asked = open_page(page, f"{server.url}/")
    gate, cell = page.locator(f"#a-{never_deployed.id} .gate").first, page.locator(f"#a-{live.id} .state").first
    expect(gate).to_contain_text("Blocked")
    expect(cell).to_contain_text("Stopped")

    moved(harbour, stages[0], State.PROVISIONING, State.RUNNING)

    expect(gate).to_contain_text("Deploy")
    expect(cell).to_contain_text("Live")
    moved(harbour, stages[0], State.STOPPING, State.ERROR)
    expect(gate).to_contain_text("Blocked")
    assert_only_pieces(asked)
    assert not any(str(empty.id) in request.url for request in asked), "nothing of it hangs on the state"


def test_a_stage_that_comes_or_goes_changes_the_whole_open_table(
    page: Page, server: Web, harbour: House, stages: list[Environment]
) -> None:
    app = harbour.app("ledger")
    harbour.live(harbour.release(app, "1.0"), stages[0])
    harbour.environment("production")
    asked = open_page(page, f"{server.url}/")
    columns = page.locator("#board thead th .colhead .cut")

    for names in (["development", "staging", "production"], ["staging", "development"]):
        wanted = [{"name": name, "environments": [name]} for name in names]
        chains.update(Chain.objects.get(), by=harbour.owner, stages=wanted)
        expect(columns).to_have_text(names)
        assert page.locator(f"#a-{app.id} td").evaluate_all("cells => cells.map(cell => cell.dataset.env)") == names
    assert_only_pieces(asked)


def test_pieces_that_did_not_change_cost_no_bytes(
    page: Page, server: Web, harbour: House, stages: list[Environment]
) -> None:
    app = harbour.app("ledger")
    open_page(page, f"{server.url}/")
    statuses: list[tuple[str, int, str | None]] = []
    page.on(
        "response",
        lambda answer: statuses.append(
            (urlsplit(answer.url).path, answer.status, answer.request.headers.get("if-none-match"))
        ),
    )
    harbour.live(harbour.release(app, "1.0.0"), stages[0])
    expect(page.locator(f"#a-{app.id}")).to_contain_text("Live")
    page.wait_for_timeout(1500)
    statuses.clear()

    lifecycle.update(stages[1], by=harbour.owner, description="Nothing that a board shows")
    page.wait_for_timeout(1500)

    assert statuses, "nothing was asked for"
    assert all(known and status == 304 for _, status, known in statuses), statuses


def test_the_empty_state_becomes_a_board_and_the_board_fills_by_itself(page: Page, server: Web, harbour: House) -> None:
    page.goto(f"{server.url}/")
    expect(page.get_by_role("heading", name="Create your first chain")).to_be_visible()
    expect(page.locator("html[data-live-state=live]")).to_be_attached()
    page.evaluate("window.neverReloaded = true")

    stage = harbour.environment("development")
    harbour.chain("development")
    expect(page.locator("#board")).to_contain_text("No app yet.")

    app = harbour.app("ledger")
    expect(page.locator(f"#a-{app.id}")).to_contain_text("No release yet")

    harbour.live(harbour.release(app, "1.0.0"), stage)
    expect(page.locator(f"#a-{app.id}")).to_contain_text("1.0.0")
    assert page.evaluate("window.neverReloaded") is True


def test_a_board_with_rows_tells_of_an_app_of_a_project_it_does_not_show_yet(
    page: Page, server: Web, harbour: House, stages: list[Environment]
) -> None:
    harbour.app("ledger")
    open_page(page, f"{server.url}/")

    harbour.app("other", project=projects.create(by=harbour.owner, key="NEW", name="New"))

    expect(page.get_by_role("link", name="1 app changed. Refresh")).to_be_visible()


def test_lists_grow_and_shrink_by_themselves(
    page: Page, server: Web, harbour: House, stages: list[Environment]
) -> None:
    open_page(page, f"{server.url}/environments")
    harbour.environment("review")
    expect(page.locator("#list")).to_contain_text("review")

    open_page(page, f"{server.url}/projects")
    project = harbour.app("ledger").project
    expect(page.locator("#list")).to_contain_text(project.key)
    project = projects.create(by=harbour.owner, key="GONE", name="Gone")
    expect(page.locator("#list")).to_contain_text("GONE")
    projects.delete(project, by=harbour.owner)
    expect(page.locator("#list")).not_to_contain_text("GONE")


def test_after_a_restart_of_the_server_the_page_catches_up_by_itself(
    page: Page, server: Web, harbour: House, stages: list[Environment]
) -> None:
    app = harbour.app("ledger")
    release = harbour.release(app, "1.0.0")
    open_page(page, f"{server.url}/")

    server.stop()
    expect(page.locator("[data-live-status]").first).to_contain_text("Reconnecting")
    harbour.live(release, stages[0])
    server.start()

    expect(page.locator(f"#a-{app.id}")).to_contain_text("1.0.0")
    expect(page.locator("[data-live-status]").first).to_contain_text("Live")
    assert page.evaluate("window.neverReloaded") is True


def test_focus_stays_where_it_was(page: Page, server: Web, harbour: House, stages: list[Environment]) -> None:
    app = harbour.app("ledger")
    release = harbour.release(app, "1.0.0")
    open_page(page, f"{server.url}/")
    page.locator(f"#n-{app.id}").focus()

    harbour.live(release, stages[0])
    expect(page.locator(f"#a-{app.id}")).to_contain_text("1.0.0")

    assert page.evaluate("document.activeElement.id") == f"n-{app.id}"


def test_what_somebody_is_typing_is_not_taken_away(
    page: Page, server: Web, harbour: House, stages: list[Environment]
) -> None:
    open_page(page, f"{server.url}/environments/{stages[0].id}")
    page.evaluate(
        """() => { const field = document.createElement("input"); field.id = "typed";
        document.getElementById("env-head").append(field); field.focus(); }"""
    )
    page.keyboard.type("half a word")

    lifecycle.update(stages[0], by=harbour.owner, display_name="Playground")
    page.wait_for_timeout(1500)
    assert page.locator("#typed").input_value() == "half a word"

    page.locator("#typed").fill("")
    page.evaluate("document.activeElement.blur()")
    expect(page.locator("#env-head")).to_contain_text("Playground")


def test_rows_do_not_move_under_the_pointer_until_it_leaves(
    page: Page, server: Web, harbour: House, stages: list[Environment]
) -> None:
    open_page(page, f"{server.url}/environments")
    names = page.locator("#list tbody tr th")
    before = names.all_text_contents()
    page.locator("#list tbody tr").first.hover()

    lifecycle.update(stages[1], by=harbour.owner, name="aaa-first")
    offer = page.get_by_role("button", name="Refresh")
    expect(offer).to_be_visible()
    assert names.all_text_contents() == before

    page.mouse.move(0, 0)
    expect(names.first).to_contain_text("aaa-first")
    expect(offer).not_to_be_visible()


def test_a_click_that_has_begun_is_not_lost_to_a_change_under_it(
    page: Page, server: Web, harbour: House, stages: list[Environment]
) -> None:
    open_page(page, f"{server.url}/environments")
    page.get_by_role("link", name="staging", exact=True).hover()
    page.mouse.down()

    lifecycle.update(stages[1], by=harbour.owner, description="changed meanwhile")
    page.wait_for_timeout(1500)
    page.mouse.up()

    expect(page).to_have_url(f"{server.url}/environments/{stages[1].id}")


def test_a_press_that_opens_a_menu_holds_nothing(
    page: Page, server: Web, harbour: House, stages: list[Environment]
) -> None:
    open_page(page, f"{server.url}/environments")
    page.get_by_role("link", name="staging", exact=True).hover()
    page.mouse.down(button="right")  # and the menu takes the button's going up

    lifecycle.update(stages[1], by=harbour.owner, description="changed meanwhile", display_name="Renamed")

    expect(page.locator("#list")).to_contain_text("Renamed")


def test_the_row_of_an_archived_app_goes_and_comes_back_when_it_is_restored(
    page: Page, server: Web, harbour: House, stages: list[Environment]
) -> None:
    app = harbour.app("ledger")
    release = harbour.release(app, "1.0.0")
    harbour.app("untouched", project=app.project)
    asked = open_page(page, f"{server.url}/")
    row, every = page.locator(f"#a-{app.id}"), page.locator("label.chip", has_text="All")

    apps.archive(app, by=harbour.owner)
    expect(row).not_to_be_visible()
    expect(every).to_contain_text("All 1")
    apps.restore(app, by=harbour.owner)

    expect(row).to_be_visible()
    expect(every).to_contain_text("All 2")
    harbour.live(release, stages[0])
    expect(row).to_contain_text("1.0.0")
    assert_only_pieces(asked)


def test_a_hidden_page_rests_and_catches_up_when_it_is_seen_again(
    page: Page, server: Web, harbour: House, stages: list[Environment]
) -> None:
    page.clock.install()
    app = harbour.app("ledger")
    release = harbour.release(app, "1.0.0")
    open_page(page, f"{server.url}/")
    status = page.locator("[data-live-status]").first
    hide = """hidden => { Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
    document.dispatchEvent(new Event("visibilitychange")); }"""

    page.evaluate(hide, True)
    page.clock.fast_forward("00:31")
    expect(status).to_contain_text("Paused")
    harbour.live(release, stages[0])
    page.wait_for_timeout(1000)
    expect(page.locator(f"#a-{app.id} .state", has_text="1.0.0")).to_have_count(0)

    page.evaluate(hide, False)
    expect(page.locator(f"#a-{app.id} .state", has_text="1.0.0")).to_have_count(1)
    expect(status).to_contain_text("Live")


def test_a_page_whose_session_is_over_says_so(
    page: Page, server: Web, harbour: House, stages: list[Environment]
) -> None:
    open_page(page, f"{server.url}/")
    page.context.clear_cookies()

    lifecycle.update(stages[0], by=harbour.owner, display_name="Playground")

    expect(page.locator("[data-live-status]").first).to_contain_text("Paused")
    expect(page.locator("[data-live-status]").first).to_contain_text("signed out")


def test_after_a_restore_of_the_database_the_page_draws_itself_anew(
    page: Page, server_environment: dict[str, str], stages: list[Environment]
) -> None:
    with web(server_environment) as looking:  # by itself, every few seconds: nobody is told of a restore
        open_page(page, f"{looking.url}/")

        with page.expect_navigation():
            call_command("after_restore")

        assert page.evaluate("window.neverReloaded") is None
        expect(page.locator("[data-live-status]").first).to_contain_text("Live")


def test_a_frozen_server_is_noticed_and_the_page_says_how_old_it_is(
    page: Page, server: Web, harbour: House, stages: list[Environment]
) -> None:
    page.clock.install()
    open_page(page, f"{server.url}/environments/{stages[0].id}")
    status = page.locator("[data-live-status]").first
    assert server.process is not None

    server.process.send_signal(signal.SIGSTOP)
    try:
        for _ in range(3):  # what had been sent before may be heard in the middle of the first
            page.clock.run_for(45_000)
            if "Reconnecting" in status.inner_text():
                break
        expect(status).to_contain_text("Reconnecting")
        expect(status).to_contain_text("as of")
        lifecycle.update(stages[0], by=harbour.owner, display_name="Playground")
    finally:
        server.process.send_signal(signal.SIGCONT)
    page.clock.resume()

    expect(page.locator("#env-head")).to_contain_text("Playground")
    expect(status).to_contain_text("Live")


def test_where_streams_do_not_get_through_the_page_looks_by_itself(
    page: Page, server: Web, harbour: House, stages: list[Environment]
) -> None:
    page.clock.install()
    page.route("**/live?*", lambda route: route.abort())
    page.goto(f"{server.url}/environments/{stages[0].id}")
    lifecycle.update(stages[0], by=harbour.owner, display_name="Playground")

    page.clock.run_for(45_000)

    expect(page.locator("#env-head")).to_contain_text("Playground")
    status = page.locator("[data-live-status]").first
    expect(status).to_contain_text("Reconnecting")
    age = status.locator("[data-live-age]").inner_text()
    assert "as of" in age and int(age.split()[3]) < 20, age


def test_no_page_breaks_its_own_policy_or_fails_in_the_browser(
    page: Page, server: Web, harbour: House, stages: list[Environment]
) -> None:
    app = harbour.app("ledger")
    deployment = harbour.live(harbour.release(app, "1.0.0"), stages[0])
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))

    for address in (
        "/",
        "/environments",
        f"/environments/{stages[0].id}",
        "/projects",
        f"/projects/{app.project_id}",
        f"/apps/{app.id}",
        f"/releases/{deployment.release_id}",
        f"/runs/{deployment.run.id}",
        "/chain",
    ):
        page.goto(server.url + address)
        if page.locator("[data-live]").count():
            expect(page.locator("[data-live-status]").first, address).to_contain_text("Live")

    assert complaints == []
