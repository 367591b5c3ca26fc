"""Any two releases of an app compared: on a page that is linked, chosen and swapped, and over REST."""

import io
import re
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse

from environments.overview import compared
from projects import artifacts
from projects.models import App, Role
from tests import builders
from tests.doors.rest import get, is_problem
from tests.doors.visiting import HTMX, LIVE, html, signed_in, statements, text
from tests.environments import house as houses
from tests.environments.house import MANIFEST, House
from tests.projects.test_releases_and_artifacts import archive
from tests.shared import built_once, fresh

pytestmark = pytest.mark.django_db
FIRST = """
steps:
  - {name: build, run: "make"}
services:
  - {name: web, run: "serve --port $PORT", health: {http: /up, within: 30s}}
"""
SECOND = FIRST.replace("/up", "/healthz").replace(
    'run: "make"}', 'run: "make"}\n  - {name: migrate, run: "make tables"}'
)


@built_once
def built() -> tuple[House, App]:
    """1.0 is live in production, 2.0 in development; 1.5 between them, 3.0+rc is new and as 2.0."""
    house = houses.house()
    made = house.app("ledger")
    first = house.release(made, "1.0", manifest=FIRST, commit="aaaaaaa1")
    house.release(made, "1.5", manifest=FIRST, notes="Halfway there", changes=["mend the sums"])
    second = house.release(made, "2.0", manifest=SECOND, commit="bbbbbbb2", notes="Health has moved")
    house.release(made, "3.0+rc", manifest=SECOND, commit="bbbbbbb2")
    house.live(first, house.environment("production", display_name="Production"))
    house.live(second, house.environment("development", display_name="Development"))
    return house, made


@pytest.fixture
def furnished(built: tuple[House, App]) -> tuple[House, App]:
    return fresh(built)


@pytest.fixture
def house(furnished: tuple[House, App]) -> House:
    return furnished[0]


@pytest.fixture
def app(furnished: tuple[House, App]) -> App:
    return furnished[1]


@pytest.fixture
def owner(house: House) -> Client:
    return signed_in(house.owner)


def at(app: App, **query: str) -> str:
    return compared.address(app, **query)


def lines(shown: str) -> list[str]:
    """The lines of the manifests as the page shows them, with their signs."""
    rows = re.findall(r'<tr class="(same|added|removed|gap)">(.*?)</tr>', shown, re.S)
    signs = {"same": " ", "added": "+", "removed": "-", "gap": "…"}
    return [
        signs[kind] + re.sub(r"<[^>]+>", "", re.findall(r"<td[^>]*>(.*?)</td>", row, re.S)[-1]) for kind, row in rows
    ]


def test_it_shows_what_the_two_are_and_where_each_is_live(app: App, owner: Client) -> None:
    shown = text(html(owner, at(app, **{"from": "1.0", "to": "2.0"})))
    assert "ledger 1.0 to 2.0" in shown
    assert re.search(r"Live in Production Development", shown)
    assert re.search(r"Commit differs aaaaaaa1 bbbbbbb2", shown)
    assert "number 1" in shown and "number 3" in shown


def test_it_shows_the_manifests_line_by_line(app: App, owner: Client) -> None:
    shown = html(owner, at(app, **{"from": "1.0", "to": "2.0"}))
    assert "3 lines added, 1 removed" in text(shown)
    told = lines(shown)
    assert "+  - name: migrate" in told and "+    run: make tables" in told
    assert told.index("-      http: /up") + 1 == told.index("+      http: /healthz")


def test_long_stretches_that_are_alike_are_left_out_until_they_are_asked_for(
    house: House, app: App, owner: Client
) -> None:
    many = "".join(f'  - {{name: step {n}, run: "do {n}"}}\n' for n in range(30))
    old, new = f"steps:\n{many}", f"steps:\n{many}".replace('"do 29"', '"do it"')
    for version, manifest in (("8", old), ("9", new)):
        house.release(app, version, manifest=manifest)
    shown = html(owner, at(app, **{"from": "8", "to": "9"}))
    assert len(lines(shown)) < 8 and "lines alike steps: step 28" in text(shown)
    whole = re.search(r'href="([^"]*lines=all[^"]*)"', shown)
    assert whole
    assert len(lines(html(owner, reverse("release-comparison", args=[app.pk]) + whole[1].replace("&amp;", "&")))) == 62


def test_a_page_shows_no_more_than_it_has_room_for(house: House, app: App, owner: Client) -> None:
    for version, word in (("8", "a"), ("9", "b")):
        run = "\n".join(f"{word} {n}" for n in range(1_500))
        house.release(app, version, manifest={"steps": [{"name": "long", "run": run}]})  # type: ignore[arg-type]
    shown = lines(html(owner, at(app, **{"from": "8", "to": "9"})))
    assert len(shown) == compared.MOST_LINES + 1 and "more lines; the releases" in shown[-1]


def test_what_comes_between_arrives_or_is_taken_back(app: App, owner: Client) -> None:
    forth = text(html(owner, at(app, **{"from": "1.0", "to": "2.0"})))
    assert "Changes 2 releases" in forth and "Halfway there" in forth and "mend the sums" in forth
    back = html(owner, at(app, **{"from": "2.0", "to": "1.0"}))
    assert "Changes 2 releases taken back" in text(back)
    assert "-  - name: migrate" in lines(back)
    swapped = re.search(r'id="compare-swap" href="([^"]+)"', back)
    assert swapped and swapped[1] == "?from=1.0&amp;to=2.0"


def test_releases_are_named_by_version_number_or_id(app: App, owner: Client) -> None:
    ids = {release.version: str(release.pk) for release in app.releases.all()}
    for before, after in (("1.0", "2.0"), ("1", "3"), (ids["1.0"], ids["2.0"])):
        assert "ledger 1.0 to 2.0" in text(html(owner, at(app, **{"from": before, "to": after}))), before
    assert "ledger 2.0 to 3.0+rc" in text(html(owner, at(app))), "the newest, with the one before it"
    assert "ledger 1.0 to 1.5" in text(html(owner, at(app, to="1.5")))
    assert "ledger 1.0 to 3.0+rc" in text(html(owner, at(app, **{"from": "1.0"})))
    assert "The same in both" not in html(owner, at(app)) and "the same in both" in html(owner, at(app))


def test_the_same_release_twice_is_refused_beside_the_form(app: App, owner: Client) -> None:
    answer = owner.get(at(app, **{"from": "2.0", "to": "3"}))
    assert answer.status_code == 422
    shown = text(answer.content.decode())
    assert "Release 2.0 is on both sides; choose two different releases." in shown
    assert '<option value="2.0" selected>' in answer.content.decode() and "3.0+rc" in shown
    first = owner.get(at(app, to="1.0"))
    assert first.status_code == 422 and "Release 1.0 is the first of ledger" in text(first.content.decode())


def test_an_app_with_fewer_than_two_releases_says_so(house: House, owner: Client) -> None:
    lone = house.app("tug", project=house.project("TUG"))
    shown = html(owner, at(lone))
    assert "tug has no release yet" in text(shown) and 'name="from"' not in shown
    release = house.release(lone, "1")
    assert "Release 1 is the first of tug" in text(html(owner, at(lone)))
    assert "/compare" not in html(owner, reverse("release", args=[release.pk]))


def test_what_is_not_there_or_not_to_be_seen_is_not_found(house: House, app: App, owner: Client) -> None:
    other = house.release(house.app("tug", project=house.project("TUG")), "7.7")
    for named in ("7.7", str(other.pk), "9.9", "99", "x" * 5_000, "1" * 400):
        answer = owner.get(at(app, **{"from": "1.0", "to": named}))
        assert answer.status_code == 404, named[:10]
    assert "ledger has no such release" in text(owner.get(at(app, to="9.9")).content.decode())
    stranger = signed_in(builders.cast().owner)
    assert stranger.get(at(app, **{"from": "1.0", "to": "2.0"})).status_code == 404
    assert owner.post(at(app)).status_code == 405


def test_where_it_is_live_tells_only_of_what_one_sees(house: House, app: App) -> None:
    there = house.environment("elsewhere")
    house.live(app.releases.get(version="1.0"), there)
    limited = signed_in(house.person(Role.VIEWER, environment=there))
    shown = html(limited, at(app, **{"from": "1.0", "to": "2.0"}))
    assert "elsewhere" in shown and "Production" not in shown and "Development" not in shown


def test_two_are_chosen_in_a_list(app: App, owner: Client, house: House) -> None:
    ids = {release.version: release.pk for release in app.releases.all()}
    for page in (reverse("releases"), reverse("app", args=[app.pk])):
        shown = html(owner, page)
        assert len(re.findall(r'type="checkbox"[^>]*name="release"', shown)) == 4, page
        assert f'action="{reverse("releases-chosen")}"' in shown
    chosen = reverse("releases-chosen")

    def go(*wanted: object) -> str:
        return owner.get(chosen + "?" + urlencode([("release", one) for one in wanted]))["Location"]

    assert go(ids["2.0"], ids["1.0"]) == at(app, **{"from": "1.0", "to": "2.0"})
    assert go(ids["3.0+rc"]) == at(app, to="3.0+rc")
    assert owner.get(at(app, to="3.0+rc")).status_code == 200
    house.environment("quay")
    kept = owner.get(chosen, {"release": [ids["2.0"], ids["1.0"]], "environment": "quay"})["Location"]
    assert kept.endswith("&environment=quay")


def test_a_choice_that_makes_no_pair_is_refused_with_what_to_do(app: App, owner: Client, house: House) -> None:
    other = house.release(house.app("tug", project=house.project("TUG")), "7.7")
    ids = [release.pk for release in app.releases.all()]
    for wanted, sentence in (
        ([], "No releases are chosen"),
        (ids[:3], "3 releases are chosen"),
        ([ids[0], other.pk], "are different apps"),
    ):
        answer = owner.get(reverse("releases-chosen"), {"release": wanted})
        assert answer.status_code == 422 and sentence in text(answer.content.decode()), sentence
    assert owner.get(reverse("releases-chosen"), {"release": ["nonsense"]}).status_code == 404


def test_a_release_leads_to_what_it_changed(app: App, owner: Client) -> None:
    shown = html(owner, reverse("release", args=[app.releases.get(version="3.0+rc").pk]))
    assert f'href="{at(app, **{"from": "2.0", "to": "3.0+rc"})}"'.replace("&", "&amp;") in shown
    assert "from=1.0&amp;to=1.5" in html(owner, reverse("release", args=[app.releases.get(version="1.0").pk]))


def test_it_costs_the_same_however_much_lies_between(house: House, app: App, owner: Client) -> None:
    before = statements(owner, at(app, **{"from": "1.0", "to": "2.0"}))
    for n in range(4):
        house.release(app, f"4.{n}", notes="more")
        house.live(app.releases.get(version="1.0"), house.environment(f"more-{n}"))
    assert statements(owner, at(app, **{"from": "1.0", "to": "4.3"})) == before


def test_its_part_is_drawn_alone_and_an_unchanged_one_costs_nothing(app: App, owner: Client) -> None:
    page = at(app, **{"from": "1.0", "to": "2.0"})
    alone = html(owner, page, headers=HTMX)
    assert alone.startswith('<div id="comparison"') and alone.partition(" ")[2].strip() in html(owner, page)
    answer = owner.get(page, headers=LIVE)
    assert f"data-etag={answer['ETag']}" in html(owner, page), "its first look is cheap"
    assert owner.get(page, headers={**LIVE, "If-None-Match": answer["ETag"]}).status_code == 304


def test_scripts_read_the_same_comparison(house: House, app: App) -> None:
    client = builders.rest(house.person(Role.VIEWER))
    told = get(client, f"/apps/{app.id}/releases/compare?from=1.0&to=2.0").json()
    assert [told[side]["version"] for side in ("before", "after")] == ["1.0", "2.0"]
    assert [len(told[side]["live_in"]) for side in ("before", "after")] == [1, 1]
    assert [(one["version"], one["taken_back"]) for one in told["releases"]] == [("2.0", False), ("1.5", False)]
    assert [line["text"] for line in told["manifest"] if line["change"] == "removed"] == ["      http: /up"]
    assert (told["manifest_differs"], told["artifact_differs"]) == (True, False)
    newest = get(client, f"/apps/{app.id}/releases/compare").json()
    assert [newest[side]["version"] for side in ("before", "after")] == ["2.0", "3.0+rc"]
    assert newest["manifest_differs"] is False


def test_scripts_are_told_which_artifact_each_is_made_of(house: House, app: App) -> None:
    for version, content in (("5", b"five"), ("6", b"six"), ("7", b"six")):
        made = artifacts.receive(
            by=house.owner, app=app, stream=io.BytesIO(archive(content=content)), filename=f"{version}.tar"
        )
        house.release(app, version, manifest=MANIFEST, artifact=made)
    client = builders.rest(house.owner)
    assert get(client, f"/apps/{app.id}/releases/compare?from=5&to=6").json()["artifact_differs"] is True
    assert get(client, f"/apps/{app.id}/releases/compare?from=6&to=7").json()["artifact_differs"] is False


def test_scripts_are_refused_in_the_same_words(house: House, app: App) -> None:
    client = builders.rest(house.owner)
    path = f"/apps/{app.id}/releases/compare"
    assert is_problem(get(client, f"{path}?from=1.0&to=1.0"), 422, "invalid")
    assert is_problem(get(client, f"{path}?from=1.0&to=9.9"), 404, "not-found")
    assert is_problem(get(builders.rest(builders.cast().owner), f"{path}?from=1.0&to=2.0"), 404, "not-found")
    lone = house.app("tug", project=house.project("TUG"))
    assert is_problem(get(client, f"/apps/{lone.id}/releases/compare"), 409, "conflict")
