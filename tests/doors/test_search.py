"""The search and the command palette: what one may see, by its name, version, commit or number, and by keyboard."""

import re
from html import unescape

import pytest
from django.test import Client

from environments.models import Environment, Run
from projects import lifecycle as projects
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
    return options(page)


def grouped(client: Client, words: str) -> dict[str, list[str]]:
    """What is found, by the word over each group."""
    page = client.get("/search", {"q": words}, headers=HTMX).content.decode()
    sections = re.findall(r'<section.*?class="kind"[^>]*>(.*?)<(.*?)</section>', page, re.S)
    return {word: options(section) for word, section in sections}


def options(page: str) -> list[str]:
    found = re.findall(r'<a role="option".*?</a>', page, re.S)
    return [" ".join(re.sub(r"<[^>]+>", " ", one).split()) for one in found]


def test_everything_is_found_by_what_people_call_it(house: House, app: App) -> None:
    owner = signed_in(house.owner)
    run = Run.objects.get(deployment__app=app)
    assert "ledger WEB" in hits(owner, "ledg")
    assert "Development development Running" in hits(owner, "devel")
    assert "ledger 1.4.2 abc1234" in hits(owner, "1.4")
    assert "ledger 1.4.2 abc1234" in hits(owner, "ledger 1.4")
    assert "ledger 1.4.2 abc1234" in hits(owner, "ABC1")
    assert f"#{run.number} Deploy ledger 1.4.2 to Development Succeeded" in hits(owner, f"#{run.number}")
    assert "New environment" in hits(owner, "new env")
    assert hits(owner, "%") == [] and hits(owner, "nothing of that name") == []


def test_without_words_it_says_where_one_may_go(house: House) -> None:
    assert {"Board", "Runs", "New project"} <= set(hits(signed_in(house.owner), ""))
    assert "New project" not in hits(signed_in(house.person(Role.VIEWER)), "")


def test_where_one_may_go_is_all_that_the_frame_leads_to_and_what_one_may_do_there(house: House) -> None:
    assert house.owner.user is not None
    owner, viewer = signed_in(house.owner), signed_in(house.person(Role.VIEWER))
    assert {"Members", "Access tokens", "Account", "Invite a member", "New access token"} <= set(hits(owner, ""))
    assert hits(owner, "token") == ["New access token", "Access tokens"]
    assert hits(viewer, "token") == ["Access tokens"] and hits(viewer, "invite") == []
    assert "Admin" not in hits(owner, "")
    house.owner.user.is_staff = True
    house.owner.user.save()
    assert hits(owner, "admin") == ["Admin"]
    for address in re.findall(r'role="option"[^>]*href="([^"]*)"', owner.get("/search", headers=HTMX).content.decode()):
        assert owner.get(address).status_code == 200, address


def test_what_is_called_just_so_comes_before_what_only_holds_the_words(house: House) -> None:
    project = house.project("STORE")
    for name in (*(f"{letter}-shop" for letter in "abcdefg"), "Shop"):
        house.app(name, project=project)
        house.environment(f"{name}s-place")
        house.environment(f"{name}s-home", display_name=f"The {name}")
        house.project(f"{name.upper()}X")
    house.environment("shop")
    house.environment("kiosk", display_name="SHOP")
    house.project("SHOP")
    owner = signed_in(house.owner)
    found = grouped(owner, "shop")
    assert found["Apps"][0] == "Shop STORE" and len(found["Apps"]) == 7
    assert {hit.split()[1] for hit in found["Environments"][:2]} == {"shop", "kiosk"}, found["Environments"]
    assert len(found["Environments"]) == 7
    assert found["Projects"][0] == "Shop SHOP" and len(found["Projects"]) == 7
    assert grouped(owner, "SHOPX")["Projects"][0] == "Shopx SHOPX"
    assert grouped(owner, "the b-shop")["Environments"][0].startswith("The b-shop b-shops-home")


def test_a_version_that_is_named_comes_before_newer_ones_that_only_begin_like_it(house: House) -> None:
    project = house.project("STORE")
    ledger, old = house.app("ledger", project=project), house.app("old-ledger", project=project)
    for version in ("0.1", *(f"0.1{n}" for n in range(10))):
        house.release(ledger, version)
        house.release(old, version)
    owner = signed_in(house.owner)
    for typed in ("ledger 0.1", "LEDGER 0.1"):
        found = grouped(owner, typed)["Releases"]
        assert found[0] == "ledger 0.1", typed
        assert len(found) == len(set(found)) == 7
        assert "old-ledger 0.1" not in found[:1]
    assert grouped(owner, "0.1")["Releases"][:2] == ["old-ledger 0.1", "ledger 0.1"]


def test_what_is_more_than_six_leads_to_the_list_that_has_all_of_it(house: House, app: App) -> None:
    development = Environment.objects.get(name="development")
    for n in range(6):
        made = house.app(f"ledger-{n}", project=app.project)
        house.live(house.release(app, f"1.4.{n}0"), development)
        house.environment(f"ledger-{n}")
        house.project(f"LEDGER{n}")
        house.release(made, "2.0")
    owner = signed_in(house.owner)
    house.chain("development", "ledger-1")
    assert "More" not in " ".join(grouped(owner, "ledger")["Environments"]), "six are all there are"
    house.environment("ledger-6")
    house.project("LEDGER6")
    for words in ("ledger", "ledger 1.4"):
        shown = owner.get("/search", {"q": words, "environment": "development"}, headers=HTMX).content.decode()
        more = [unescape(one) for one in re.findall(r'-more" href="([^"]*)"', shown)]
        assert [one.partition("?")[0] for one in more] == (
            ["/", "/environments", "/runs", "/projects"] if words == "ledger" else ["/releases"]
        )
        for address in more:
            listed = re.findall(r'<th scope="row".*?</th>', html(owner, address), re.S)
            named = [one for one in listed if "ledger" in one.lower()]
            assert len(named) >= 7 and (named == listed or address.startswith("/?")), address
    assert owner.get("/search?q=ledger").content.decode().count("More ") == 4, "the page says so, too"


def test_projects_are_searched_by_name_and_key_and_only_those_one_sees(house: House) -> None:
    books, arts = house.project("BOOKS"), house.project("ARTS")
    projects.update(books, by=house.owner, name="Ledgers and more")
    owner, guest = signed_in(house.owner), signed_in(house.person(Role.VIEWER, project=arts))
    assert hits(owner, "ledgers")[0] == hits(owner, "books")[0] == "Ledgers and more BOOKS"
    assert hits(guest, "ledgers") == hits(guest, "books") == [] and hits(guest, "arts") == ["Arts ARTS"]
    assert "BOOKS" in html(owner, "/projects?q=ledgers") and "ARTS" not in html(owner, "/projects?q=ledgers")
    assert "Nothing matches" in html(guest, "/projects?q=ledgers")


def test_nothing_is_found_that_one_may_not_see(house: House, app: App) -> None:
    other = house.environment("elsewhere")
    limited = signed_in(house.person(Role.VIEWER, environment=other))
    stranger = signed_in(builders.cast().owner)
    for words in ("ledger", "devel", "1.4", "abc1", f"#{Run.objects.get(deployment__app=app).number}"):
        assert not [hit for hit in hits(stranger, words) if "ledger" in hit or "Development" in hit], words
    assert hits(limited, "devel") == []
    assert hits(limited, f"#{Run.objects.get(deployment__app=app).number}") == []


def test_it_costs_the_same_however_much_is_found(house: House, app: App) -> None:
    owner = signed_in(house.owner)
    before = statements(owner, "/search?q=ledger")
    for n in range(8):
        house.live(house.release(app, f"2.{n}"), Environment.objects.get(name="development"))
        house.environment(f"ledger-{n}")
    assert statements(owner, "/search?q=ledger") == before


def test_without_javascript_it_is_a_page(house: House, app: App) -> None:
    assert "ledger" in html(signed_in(house.owner), "/search?q=ledger")
