"""Every page in a real browser, in both themes, wide and narrow: nothing that an accessibility check finds, nothing
that scrolls sideways, nothing that the policy forbids. Here those of the work; beside them, test_accessibility_more."""

import pytest
from django.test import RequestFactory
from django.urls import get_resolver
from playwright.sync_api import Browser, expect

from environments.models import Slot
from projects import invitations, passwords
from tests.doors.eye import Eye
from tests.doors.furnished import furnish
from tests.doors.looked_at import AROUND, NO_PAGE, OUTSIDE, WORK
from tests.doors.test_every_page import STREAMS, _patterns
from tests.doors.web import Web
from tests.environments.house import House

pytestmark = pytest.mark.timeout(300)


def test_every_page_that_answers_a_get_is_looked_at_or_has_a_reason() -> None:
    read = set()
    for one in _patterns(get_resolver()):
        answered = one.name in STREAMS or one.callback(RequestFactory().options("/"))
        if answered is True or "GET" in answered["Allow"]:
            read.add(one.name)
    assert read - {*WORK, *AROUND, *OUTSIDE, *NO_PAGE} == set(), "say in looked_at.py where it is looked at"
    assert {*WORK, *AROUND, *OUTSIDE, *NO_PAGE} - read == set()


@pytest.mark.parametrize("half", [0, 1])
def test_every_page_of_the_work_is_accessible(browser: Browser, server: Web, harbour: House, half: int) -> None:
    """By halves: together they would take longest of all tests, and more than they are given on a busy machine."""
    things = furnish(harbour)
    eye = Eye(browser, server.url)
    eye.become(harbour.owner)
    for addresses in list(WORK.values())[half::2]:
        for address in addresses(things):
            eye.visit(address)
    assert not eye.found, "\n".join(eye.found)
    assert eye.complaints == []
    eye.close()


def test_every_sheet_of_the_work_is_accessible(browser: Browser, server: Web, harbour: House) -> None:
    things = furnish(harbour)
    eye = Eye(browser, server.url)
    eye.become(harbour.owner)
    page, app = eye.page, things.app
    page.goto(server.url + f"/environments/{things.places[0].id}")
    for link in (f"Hold {app.name} in Development", f"Remove {app.name} from Development", "Delete"):
        page.get_by_role("link", name=link, exact=True).click()
        expect(page.locator("#sheet")).to_be_visible()
        eye.look(f"sheet {link}")
        page.keyboard.press("Escape")
        expect(page.locator("#sheet")).to_be_hidden()
    assert not eye.found, "\n".join(eye.found)
    assert eye.complaints == []
    eye.close()
    assert Slot.objects.filter(app=app, live__isnull=False).count() == 3


def test_nobody_who_is_signed_out_meets_a_barrier_either(browser: Browser, server: Web, harbour: House) -> None:
    _, secret = invitations.invite(by=harbour.owner, role="viewer")
    reset = passwords.make_link(harbour.owner.user.memberships.get(), by=harbour.owner)
    eye = Eye(browser, server.url)
    for address in ("/sign-in", f"/join/{secret.reveal()}", f"/password/{reset.reveal()}", "/join/nothing", "/nothing"):
        eye.visit(address)
    assert not eye.found, "\n".join(eye.found)
    eye.close()
