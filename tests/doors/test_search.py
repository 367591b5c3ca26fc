"""The search and the command palette: what one may see, by its name, version, commit or number, and by keyboard."""

import re

import pytest
from django.test import Client

from environments.models import Environment, Run
from projects.models import App, Role
from tests import builders
from tests.doors.visiting import HTMX, html, signed_in, statements
from tests.environments.house import House

pytestmark = pytest.mark.django_db


@pytest.fixture
def app(house: House, development: Environment) -> App:
    app = house.app("ledger")
    house.live(house.release(app, "1.4.2", commit="abc1234def"), development)
    return app


def hits(client: Client, words: str) -> list[str]:
    page = client.get("/search", {"q": words}, headers=HTMX).content.decode()
    options = re.findall(r'<a role="option".*?</a>', page, re.S)
    return [" ".join(re.sub(r"<[^>]+>", " ", one).split()) for one in options]


def test_everything_is_found_by_what_people_call_it(house: House, app: App) -> None:
    owner = signed_in(house.owner)
    run = Run.objects.get(deployment__app=app)
    assert "ledger WEB" in hits(owner, "ledg")
    assert "Development development" in hits(owner, "devel")
    assert "ledger 1.4.2 abc1234" in hits(owner, "1.4")
    assert "ledger 1.4.2 abc1234" in hits(owner, "ledger 1.4")
    assert "ledger 1.4.2 abc1234" in hits(owner, "ABC1")
    assert f"#{run.number} deploy ledger in Development" in hits(owner, f"#{run.number}")
    assert "New environment" in hits(owner, "new env")
    assert hits(owner, "%") == [] and hits(owner, "nothing of that name") == []


def test_without_words_it_says_where_one_may_go(house: House) -> None:
    assert {"Board", "Runs", "New project"} <= set(hits(signed_in(house.owner), ""))
    assert "New project" not in hits(signed_in(house.person(Role.VIEWER)), "")


def test_nothing_is_found_that_one_may_not_see(house: House, app: App) -> None:
    other = house.environment("elsewhere")
    limited = signed_in(house.person(Role.VIEWER, environment=other))
    stranger = signed_in(builders.cast().owner)
    for words in ("ledger", "devel", "1.4", "abc1", f"#{Run.objects.get(deployment__app=app).number}"):
        assert not [hit for hit in hits(stranger, words) if "ledger" in hit or "Development" in hit], words
    assert hits(limited, "devel") == []
    assert not [hit for hit in hits(limited, f"#{Run.objects.get(deployment__app=app).number}") if "deploy" in hit]


def test_it_costs_the_same_however_much_is_found(house: House, app: App) -> None:
    owner = signed_in(house.owner)
    before = statements(owner, "/search?q=ledger")
    for n in range(8):
        house.live(house.release(app, f"2.{n}"), Environment.objects.get(name="development"))
        house.environment(f"ledger-{n}")
    assert statements(owner, "/search?q=ledger") == before


def test_without_javascript_it_is_a_page(house: House, app: App) -> None:
    assert "ledger" in html(signed_in(house.owner), "/search?q=ledger")
