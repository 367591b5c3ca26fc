"""The lists of runs, releases, endpoints, workers and events: filtered, paged, and no more than one may see."""

import csv
import io
import json
import re
from contextlib import ExitStack

import pytest
from django.test import Client
from django.utils import timezone

from environments.models import Environment, Run, Worker
from environments.overview.lists import activity
from environments.views import copies
from projects import tokens
from projects.models import App, Role
from tests import builders
from tests.doors.visiting import LIVE, html, signed_in, statements
from tests.environments import house as houses
from tests.environments.house import House
from tests.shared import built_once, fresh

pytestmark = pytest.mark.django_db
PAGES = ("/runs", "/releases", "/endpoints", "/workers", "/activity")


@built_once
def built() -> tuple[House, Environment, App]:
    """1.0 and 2.0 were deployed to development, 3.0 nowhere."""
    house = houses.house()
    development = house.environment("development", display_name="Development")
    app = house.app("ledger")
    for version in ("1.0", "2.0"):
        house.live(house.release(app, version), development)
    house.release(app, "3.0", commit="abcdef0123")
    return house, development, app


@pytest.fixture
def furnished(built: tuple[House, Environment, App]) -> tuple[House, Environment, App]:
    return fresh(built)


@pytest.fixture
def house(furnished: tuple[House, Environment, App]) -> House:
    return furnished[0]


@pytest.fixture
def development(furnished: tuple[House, Environment, App]) -> Environment:
    return furnished[1]


@pytest.fixture
def app(furnished: tuple[House, Environment, App]) -> App:
    return furnished[2]


@pytest.fixture
def owner(house: House) -> Client:
    return signed_in(house.owner)


def rows(page: str) -> list[str]:
    """What the list's rows say."""
    body = page.partition("<tbody>")[2].partition("</tbody>")[0]
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in body.split("</tr>") if row.strip()]


@pytest.mark.parametrize("page", PAGES)
def test_an_empty_list_says_what_would_fill_it(page: str) -> None:
    assert not rows(html(signed_in(builders.cast().owner), page)) or page == "/activity"


@pytest.mark.parametrize("page", PAGES)
def test_a_list_costs_the_same_however_long_it_is(page: str, house: House, app: App, owner: Client) -> None:
    before = statements(owner, page)
    for n in range(4):
        environment = house.environment(f"more-{n}")
        house.live(house.release(app, f"4.{n}"), environment)
    assert statements(owner, page) == before


@pytest.mark.parametrize("page", PAGES)
def test_another_organization_sees_nothing_of_it(page: str, app: App) -> None:
    stranger = signed_in(builders.cast().owner)
    shown = html(stranger, page)
    assert "ledger" not in shown and "Development" not in shown
    assert stranger.get(f"{page}?environment=development").status_code == 404


@pytest.mark.parametrize("page", PAGES)
def test_a_grant_over_one_environment_shows_what_is_there_alone(page: str, house: House, app: App) -> None:
    other = house.environment("elsewhere")
    house.live(app.releases.get(version="1.0"), other)
    limited = signed_in(house.person(Role.VIEWER, environment=other))
    shown = html(limited, page)
    assert "Development" not in shown
    assert limited.get(f"{page}?environment=development").status_code == 404


@pytest.mark.parametrize("page", PAGES)
def test_the_switcher_narrows_it_and_the_links_keep_the_choice(
    page: str, house: House, app: App, owner: Client
) -> None:
    other = house.environment("elsewhere")
    house.live(app.releases.get(version="1.0"), other)
    shown = html(owner, f"{page}?environment=elsewhere")
    assert rows(shown)
    assert "Development" not in shown.partition("<tbody>")[2]
    assert "environment=elsewhere" in shown.partition("<tbody>")[2]


def test_runs_are_found_by_number_app_version_status_and_kind(app: App, owner: Client) -> None:
    run = Run.objects.get(deployment__release__version="2.0")
    assert [row.split()[0] for row in rows(html(owner, f"/runs?q=%23{run.number}"))] == [f"#{run.number}"]
    assert len(rows(html(owner, "/runs?q=ledger"))) == 2
    assert len(rows(html(owner, "/runs?q=ledger&phase=succeeded&kind=deploy&project=web"))) == 2
    assert rows(html(owner, "/runs?q=ledger&phase=failed")) == []
    assert "Nothing matches" in html(owner, "/runs?phase=failed")
    assert owner.get("/runs?phase=odd").status_code == 422
    assert owner.get("/runs?project=nowhere").status_code == 404


def test_releases_say_where_they_are_live(app: App, owner: Client) -> None:
    live, old = html(owner, "/releases?live=yes"), html(owner, "/releases?live=no")
    assert [row.split()[1] for row in rows(live)] == ["2.0"]
    assert "Development" in rows(live)[0]
    assert {row.split()[1] for row in rows(old)} == {"1.0", "3.0"}
    assert [row.split()[1] for row in rows(html(owner, "/releases?q=ABCDEF"))] == ["3.0"]


def test_workers_are_told_apart_by_whether_they_are_here(house: House, app: App, owner: Client) -> None:
    assert len(rows(html(owner, "/workers?status=online"))) == 1
    assert rows(html(owner, "/workers?status=disconnected")) == []
    Worker.objects.update(ended_at=timezone.now(), end_reason="superseded")
    (gone,) = rows(html(owner, "/workers?status=disconnected"))
    assert "Disconnected another process took its place" in gone


@pytest.mark.parametrize("page", ["/runs", "/releases"])
def test_a_long_list_is_paged_and_no_row_is_lost(page: str, house: House, app: App, owner: Client) -> None:
    for n in range(55):
        release = house.release(app, f"9.{n}")
        if page == "/runs":
            house.live(release, Environment.objects.get(name="development"))
    Run.objects.update(reason="The ledger is closed tonight")  # found by two of its words, and yet listed once
    seen: list[str] = []
    address = f"{page}?q=ledger"
    while address:
        shown = html(owner, address)
        seen += [" ".join(row.split()[:2]) for row in rows(shown)]
        following = shown.partition(">First page</a>")[2] or shown
        found = following.rpartition('">Next</a>')[0].rpartition('href="')[2].partition('"')[0]
        address = f"{page}{found.replace('&amp;', '&')}" if '">Next</a>' in shown else ""
    assert len(seen) == len(set(seen)) >= 57
    assert owner.get(f"{page}?cursor=nonsense").status_code == 422


def test_activity_is_found_by_who_what_and_when(house: House, app: App, owner: Client) -> None:
    assert house.owner.user is not None
    assert len(rows(html(owner, f"/activity?actor={house.owner.user.username}&kind=release"))) == 3
    assert len(rows(html(owner, "/activity?kind=release.cut&object=ledger"))) == 3
    assert rows(html(owner, "/activity?until=2020-01-01")) == []
    assert rows(html(owner, "/activity?since=2020-01-01"))
    assert owner.get("/activity?since=yesterday").status_code == 422


def test_a_moment_stays_where_a_day_would_stand() -> None:
    owner = signed_in(builders.cast().owner)
    page = html(owner, "/activity?since=2020-01-31T12:00:00%2B02:00&until=2999-01-31")
    assert re.search(r'type="checkbox" name="since" value="2020-01-31T12:00:00\+02:00" checked', page)
    assert "<b>31 Jan 2020 10:00:00 UTC</b>" in page
    assert 'type="date" name="since" value=""' in page, "it stands before the moment, which is the last that is sent"
    assert 'type="date" name="until" value="2999-01-31"' in page
    assert page.count('type="checkbox" name="') == 1
    assert rows(html(owner, "/activity?since=&since=2020-01-31T12:00:00Z"))
    assert owner.get("/activity?since=0001-01-01T00:00:00%2B14:00").status_code == 422


def test_activity_is_exported_as_it_is_filtered(app: App, owner: Client) -> None:
    answer = owner.get("/activity.csv?kind=release")
    assert answer["Content-Disposition"] == 'attachment; filename="activity.csv"'
    told = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))  # type: ignore[attr-defined]
    assert [row["sentence"] for row in told] == [f"ledger {version} cut." for version in ("1.0", "2.0", "3.0")]
    answer = owner.get("/activity.json?kind=release")
    assert len(json.loads(b"".join(answer.streaming_content))) == 3  # type: ignore[attr-defined]
    assert owner.get("/activity.xml").status_code == 404


def test_a_name_that_begins_like_a_formula_is_no_formula_in_the_export(house: House, owner: Client) -> None:
    tokens.create(by=house.owner, name="=cmd|calc", role=Role.VIEWER)
    answer = owner.get("/activity.csv?kind=token")
    assert ",=cmd" not in b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]


@pytest.mark.parametrize("page", PAGES)
def test_an_unchanged_list_costs_a_live_page_nothing(page: str, app: App, owner: Client) -> None:
    answer = owner.get(page, headers=LIVE)
    assert owner.get(page, headers={**LIVE, "If-None-Match": answer["ETag"]}).status_code == 304


def test_nobody_signed_in_is_asked_to(app: App) -> None:
    for page in (*PAGES, "/activity.csv"):
        assert Client().get(page)["Location"].startswith("/sign-in")


def test_exports_and_logs_share_the_places_for_what_is_taken_away(app: App, owner: Client, house: House) -> None:
    held = [owner.get(address) for address in ("/activity.csv", "/activity.json", "/activity.csv?kind=release")]

    refused = owner.get("/activity.csv")
    assert refused.status_code == 503
    assert "Too many exports are being taken away" in refused.content.decode()
    held.append(signed_in(house.person("viewer")).get("/activity.csv"))
    assert held[-1].status_code == 200
    assert b"".join(held.pop(0).streaming_content)  # type: ignore[attr-defined]
    again = owner.get("/activity.csv")
    assert again.status_code == 200
    for answer in [*held, again]:
        b"".join(answer.streaming_content)  # type: ignore[attr-defined]


@pytest.mark.parametrize("form", ["csv", "json"])
def test_an_export_that_fails_half_way_gives_its_place_back(
    form: str, app: App, owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner.raise_request_exception = False
    with monkeypatch.context() as broken:
        broken.setattr(activity.history, "told", lambda *event: {}["nothing"])
        for _ in range(copies.OF_ONE + 1):
            assert owner.get(f"/activity.{form}").status_code == 500
    answer = owner.get(f"/activity.{form}")
    assert b"".join(answer.streaming_content)  # type: ignore[attr-defined]


def test_no_more_write_at_once_than_leave_threads_for_pages() -> None:
    with ExitStack() as stack:
        made = [stack.enter_context(copies.written(reader=n, what="exports")) for n in range(copies.WRITING)]
        with pytest.raises(copies.TooMany, match="being written"), copies.written(reader="late", what="exports"):
            pass
    with copies.written(reader="late", what="exports") as copy:
        made.append(copy)
    for copy in made:
        copy.close()


def test_a_longer_export_than_is_written_in_one_go_is_refused_and_not_cut(
    app: App, owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activity, "MOST_EXPORTED", 2)
    answer = owner.get("/activity.csv")
    assert answer.status_code == 422
    assert "More than 2 events match; give a shorter time with since and until." in answer.content.decode()
    shorter = owner.get("/activity.csv?kind=app")
    assert b"".join(shorter.streaming_content).count(b"\n") == 2  # type: ignore[attr-defined]
