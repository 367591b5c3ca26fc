"""Why something is changed, page by page: every form takes it, and what happened is told with it."""

import csv
import io
import re
from typing import Any

import pytest
from django.test import Client

from projects.models import Event
from tests.doors.street import Street, filled, street, undone
from tests.doors.test_every_page import CHANGE, Door, doors
from tests.doors.visiting import HTMX, html, text
from tests.house.sources import templates
from tests.shared import built_once, fresh

pytestmark = pytest.mark.django_db

WHY = {"reason": "the tide turns", "link": "https://tickets.example.org/T-7"}
CHANGING = [one for one in doors() if one.name in CHANGE]
# Forms that change nothing an organization keeps, or that are one's own affair; and the offers of a first day.
OWN = {
    "templates/_toast.html", "templates/_topbar.html", "templates/_undo_form.html", "templates/account.html",
    "templates/begin/_main.html", "templates/board/_none.html", "templates/errors/refused.html",
    "templates/join.html", "templates/password.html",
    "templates/projects/page.html", "templates/sign_in.html",
    # What is only read by it, which is told all the same; what a plan lacks is told with the plan's own reason.
    "templates/configuration/_reveal.html", "templates/configuration_compare/_body.html",
    "templates/configuration_import/page.html", "templates/plan/_lacks.html",
}  # fmt: skip


built = built_once(street)


@pytest.fixture
def ours(built: Street) -> Street:
    return fresh(built)


def ask(client: Client, door: Door, ours: Street, why: dict[str, str]) -> Any:
    given = {name: filled(value, ours) for name, value in CHANGE[door.name][1].items()}
    return client.post(door.address(ours.things), given | why)


def test_every_form_that_changes_something_asks_why() -> None:
    """But the first chain, which is the offer of a first day on the page of the chain, too."""
    form = re.compile(r'<form\b[^>]*method="post".*?</form>', re.S)
    silent = {
        path
        for path, shown in templates().items()
        for match in form.finditer(shown)
        if "_why.html" not in match.group() and "'chain-first'" not in match.group()
    }
    # The sheet of a plan has both fields of its own, which belong to its form wherever they stand.
    assert silent - OWN == {"templates/plan/_sheet.html", "templates/admin/act.html", "templates/admin/base_site.html"}
    sheet = templates()["templates/plan/_sheet.html"]
    assert all(f'name="{name}"' in sheet for name in WHY)


def test_every_change_tells_why_it_was_made(ours: Street) -> None:
    client, silent = ours.browser("owner"), {}
    for door in CHANGING:
        with undone():
            before = ours.events()
            answer = ask(client, door, ours, WHY)
            told = Event.objects.filter(organization_id=ours.house.organization.pk).order_by("-number")
            made = list(told[: ours.events() - before])
            if not made:
                silent[door.name] = answer.status_code
            else:
                assert any(WHY.items() <= event.data.items() for event in made), (door.name, made)
    assert set(silent) <= {
        "app-archival", "app-restoration", "chain-first", "chains", "environment-settings", "environment-deletion",
        "environment-holds", "environment-restarts", "environment-wish", "member-activation", "plans",
        "configuration-import", "integration-deletion", "project-deletion", "project-restoration", "run-retry",
        "workflow-restoration",
    }, silent  # fmt: skip


def test_a_link_that_leads_nowhere_is_refused_and_nothing_is_changed(ours: Street) -> None:
    client, before = ours.browser("owner"), ours.events()
    for door in CHANGING:
        with undone():
            answer = ask(client, door, ours, {"link": "javascript:alert(1)"})
            assert answer.status_code in {409, 422}, (door.name, answer.status_code)
            said = answer.content.decode()
            assert answer.status_code == 409 or "http:// or https:// address" in said, door.name
            assert ours.events() == before, door.name


def test_what_was_typed_is_still_there_when_the_link_is_refused(ours: Street) -> None:
    answer = ours.browser("owner").post("/projects/new", {"name": "New", "key": "NEW", **WHY, "link": "ticket 7"})
    assert answer.status_code == 422
    shown = answer.content.decode()
    assert 'value="the tide turns"' in shown and 'value="ticket 7"' in shown and '<details class="why" open>' in shown


def test_what_happened_is_told_with_its_link_to_those_who_see_it(ours: Street) -> None:
    client, hold = ours.browser("owner"), ours.things["hold_id"]
    client.post(f"/holds/{hold}/lifting", WHY)
    environment, app = ours.things["environment_id"], ours.things["app_id"]
    link = (
        f'<a class="link" href="{WHY["link"]}" rel="noopener noreferrer" title="{WHY["link"]}">'
        "tickets.example.org/T-7</a>"
    )
    for page in ("/activity", f"/environments/{environment}", f"/apps/{app}"):
        shown = html(client, page)
        assert link in shown and "Hold on ferry in lagoon lifted: the tide turns." in text(shown), page
    exported = b"".join(client.get("/activity.csv?kind=hold.lifted").streaming_content).decode()
    (row,) = csv.DictReader(io.StringIO(exported))
    assert (row["reason"], row["link"]) == (WHY["reason"], WHY["link"])
    for who in ("limited", "stranger"):
        assert WHY["link"] not in html(ours.browser(who), "/activity")


def test_a_part_that_is_drawn_again_after_a_change_is_empty(ours: Street) -> None:
    client, run = ours.browser("owner"), ours.things["run_id"]
    drawn = client.post(f"/runs/{run}/cancellation", WHY, headers=HTMX)
    assert drawn.status_code == 200 and WHY["reason"] not in drawn.content.decode()
