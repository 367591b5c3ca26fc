"""Two grants, each for a project in an environment: neither shows what the one's project has in the other's place."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from environments.delivery import holds
from environments.models import Endpoint, Environment, Hold, Run, ServiceLogChunk, Slot
from environments.planning import plans
from environments.stream.following import may_hear, sees
from projects import access
from projects.access import Actor
from projects.models import AccessToken, App, Event, Grant, Membership, Release, Role
from tests import builders
from tests.doors.rest import get, is_problem
from tests.doors.visiting import html, signed_in, statements, text
from tests.environments.house import House
from tests.environments.house import house as new_house
from tests.shared import built_once, fresh

pytestmark = pytest.mark.django_db


@dataclass
class Corner:
    """What one app has in one environment."""

    app: App
    environment: Environment
    release: Release
    run: Run
    hold: Hold
    endpoint: Endpoint

    @property
    def deployment_id(self) -> Any:
        return self.run.deployment_id

    def hint(self) -> dict[str, Any]:
        subjects = [f"environment:{self.environment.id}", f"app:{self.app.id}", f"run:{self.run.id}"]
        return {"subjects": subjects, "project": str(self.app.project_id)}


@dataclass
class Place:
    """Two apps live and held in two environments; `member` has a grant for one in the first, the other in the second.

    `hidden` are the two corners between which no grant stands, `shown` the other two.
    """

    house: House
    here: Environment
    there: Environment
    shown: list[Corner]
    hidden: list[Corner]
    member: Actor

    @property
    def corners(self) -> Iterator[tuple[Corner, bool]]:
        yield from ((corner, True) for corner in self.shown)
        yield from ((corner, False) for corner in self.hidden)


@built_once
def built() -> Place:
    house = new_house()
    here, there = house.environment("here"), house.environment("there")
    house.chain("here", "there")
    shop, bank = (house.app(name, project=house.project(name.upper())) for name in ("shop", "bank"))
    made = {
        (app.name, environment.name): _corner(house, app, environment, house.release(app, f"{app.name}-{nth}"))
        for app in (shop, bank)
        for nth, environment in (("one", here), ("two", there))
    }
    membership = Membership.objects.create(organization=house.organization, user=builders.user("limited"))
    for app, environment in ((shop, here), (bank, there)):
        Grant.objects.create(
            membership=membership, role=Role.OPERATOR, project=app.project, environment_id=environment.id
        )
    return Place(
        house,
        here,
        there,
        shown=[made["shop", "here"], made["bank", "there"]],
        hidden=[made["shop", "there"], made["bank", "here"]],
        member=access.of_user(membership.user, house.organization),
    )


@pytest.fixture
def place(built: Place) -> Place:
    return fresh(built)


def _corner(house: House, app: App, environment: Environment, release: Release) -> Corner:
    deployment = house.live(release, environment)
    Slot.objects.filter(app=app, environment=environment).update(services=[{"name": "web", "state": "running"}])
    ServiceLogChunk.objects.create(
        environment=environment, app=app, deployment=deployment, service="web", offset=0, count=1, size=10,
        lines=[{"at": "2026-01-01T10:00:00Z", "stream": "out", "text": f"{app.name} speaks in {environment.name}"}],
    )  # fmt: skip
    return Corner(
        app,
        environment,
        release,
        Run.objects.get(deployment=deployment),
        holds.place(app, environment, by=house.owner, reason=f"{app.name} waits in {environment.name}"),
        Endpoint.objects.get(app=app, environment=environment),
    )


def test_lists_hold_what_one_grant_shows_and_nothing_between_two(place: Place) -> None:
    client = builders.rest(place.member)
    for path, ident in (
        ("/deployments", lambda one: one.deployment_id),
        ("/runs", lambda one: one.run.id),
        ("/holds", lambda one: one.hold.id),
        ("/endpoints", lambda one: one.endpoint.id),
    ):
        told = get(client, f"{path}?limit=100").content.decode()
        for corner, shown in place.corners:
            assert (str(ident(corner)) in told) is shown, (path, corner.app, corner.environment)


def test_things_between_two_grants_are_not_found(place: Place) -> None:
    client = builders.rest(place.member)
    for corner, shown in place.corners:
        for path in (
            f"/deployments/{corner.deployment_id}",
            f"/runs/{corner.run.id}",
            f"/runs/{corner.run.id}/logs",
            f"/holds/{corner.hold.id}",
            f"/plans/{corner.run.deployment.plan_id}",
        ):
            answer = get(client, path)
            assert answer.status_code == 200 if shown else is_problem(answer, 404), path


def test_a_plan_of_somebody_who_sees_more_names_no_place_that_one_does_not_see(place: Place) -> None:
    viewer = place.house.person("viewer", environment=place.there)
    shop = place.hidden[0].app
    proven, fresh = Release.objects.get(app=shop, version="shop-one"), place.house.release(shop, "9.0")
    for release, passed in ((proven, True), (fresh, False)):
        plan = plans.propose(by=place.house.owner, release=release, environment=place.there, kind="promotion")
        (whole,) = (gate for gate in plan.gates if gate["code"] == "stage")
        assert "here" in whole["sentence"] and whole["passed"] is passed

        told = get(builders.rest(viewer), f"/plans/{plan.id}")
        (gate,) = (gate for gate in told.json()["gates"] if gate["code"] == "stage")
        assert gate["passed"] is passed and gate["fix_url"] == "" and not re.search(r"\bhere\b", str(told.json()))
        assert str(place.here.id) not in told.content.decode()
        mine = get(builders.rest(place.house.owner), f"/plans/{plan.id}").json()
        assert whole in mine["gates"]


def test_projects_and_environments_themselves_are_seen_by_any_grant_for_them(place: Place) -> None:
    client = builders.rest(place.member)
    assert {row["name"] for row in get(client, "/environments").json()} == {"here", "there"}
    assert {row["name"] for row in get(client, "/apps").json()} == {"shop", "bank"}
    live = {row["id"]: row["live_in"] for row in get(client, "/releases").json()}
    for corner, shown in place.corners:
        assert live[str(corner.release.id)] == ([str(corner.environment.id)] if shown else [])


def test_an_environment_tells_the_addresses_and_lines_of_what_is_seen_there(place: Place) -> None:
    client = builders.rest(place.member)
    for corner, shown in place.corners:
        path = f"/environments/{corner.environment.id}"
        assert (corner.endpoint.url in str(get(client, path).json()["endpoints"])) is shown
        assert (corner.app.name in str(get(client, f"{path}/logs").json())) is shown


def test_the_list_of_environments_counts_and_tells_only_what_one_sees_there(place: Place) -> None:
    stranger = place.house.person("admin", name="banker")
    for hidden in place.hidden:
        holds.lift(hidden.hold, by=stranger)
    for reader, apps, last in ((place.member, "1", place.house.owner), (place.house.owner, "2", stranger)):
        said = text(html(signed_in(reader), "/environments"))
        assert last.user is not None
        for environment in (place.here, place.there):
            row = rf"\b{environment.name} Running external All {apps} 1 of 1 just now · {last.user.username}\b"
            assert re.search(row, said), (reader, said)


def test_events_and_live_news_are_of_what_one_grant_shows(place: Place) -> None:
    told = get(builders.rest(place.member), "/events?limit=200").json()
    for corner, shown in place.corners:
        where = {"project_id": corner.app.project_id, "environment_id": corner.environment.id}
        pair = {name: str(value) for name, value in where.items()}
        assert any(pair.items() <= event.items() for event in told) is shown
        events = Event.objects.filter(**where)
        assert events and {sees(place.member, event) for event in events} == {shown}
        assert may_hear(place.member, corner.hint()) is shown
    assert may_hear(place.member, {"subjects": [f"metrics:{place.here.id}"], "project": None})
    assert not may_hear(place.member, {"subjects": [f"run:{place.shown[0].run.id}"], "project": None})


def test_members_are_listed_without_the_places_that_one_does_not_see(place: Place) -> None:
    for hidden in place.hidden:
        place.house.person("operator", project=hidden.app.project, environment=hidden.environment)
    shown = place.shown[0]
    place.house.person("operator", project=shown.app.project, environment=shown.environment)
    told = get(builders.rest(place.member), "/members?limit=100").json()
    assert len(told) == 5
    pairs = {(grant["project_id"], grant["environment_id"]) for row in told for grant in row["grants"]}
    assert pairs == {(None, None)} | {(str(one.app.project_id), str(one.environment.id)) for one in place.shown}
    for row in told:
        assert get(builders.rest(place.member), f"/members/{row['id']}").json() == row


def test_the_board_says_nothing_of_an_app_where_no_grant_shows_it(place: Place) -> None:
    # Newer than what is live in the hidden places, so that there would be something to offer.
    newer = place.house.release(place.shown[0].app, "9.0")
    place.house.live(newer, place.here)
    holds.place(place.shown[0].app, place.here, by=place.house.owner, reason="shop waits in here")
    told = get(builders.rest(place.member), "/board").json()
    assert {row["app"]["name"] for row in told["rows"]} == {"shop", "bank"}
    assert {cell["behind"] for row in told["rows"] for cell in row["cells"]} == {0}
    assert told["counts"]["behind"] == 0 and told["counts"]["live"] == told["counts"]["held"] == 2
    shown = str(told)
    for corner in place.hidden:
        assert corner.release.version not in shown and str(corner.deployment_id) not in shown
        assert str(corner.hold.id) not in shown
    page = html(signed_in(place.member), "/")
    for corner, seen in place.corners:
        assert (f"{corner.app.name} waits in {corner.environment.name}" in page) is seen
    assert "bank-two" in page and "bank-one" not in page and "shop-two" not in page


def test_a_runs_page_and_its_parts_are_not_found_between_two_grants(place: Place) -> None:
    client = signed_in(place.member)
    for corner, shown in place.corners:
        for path in (f"/runs/{corner.run.id}", f"/runs/{corner.run.id}/log", f"/runs/{corner.run.id}/steps"):
            assert client.get(path).status_code == (200 if shown else 404), path


def test_an_environments_page_shows_the_apps_that_are_seen_there(place: Place) -> None:
    client = signed_in(place.member)
    for corner, shown in place.corners:
        for part in ("releases", "resources", "endpoints", "logs"):
            said = text(html(client, f"/environments/{corner.environment.id}/{part}"))
            assert (corner.app.name in said) is shown, part
        said = html(client, f"/environments/{corner.environment.id}")
        assert (corner.release.version in said) is shown


def test_an_apps_pages_show_the_places_where_it_is_seen(place: Place) -> None:
    client = signed_in(place.member)
    for corner, shown in place.corners:
        run = f"/runs/{corner.run.id}"
        assert (run in html(client, f"/apps/{corner.app.id}")) is shown
        assert (run in html(client, f"/releases/{corner.release.id}")) is shown
        live_in = text(html(client, f"/projects/{corner.app.project_id}"))
        assert (f"to {corner.environment.name}" in live_in) is shown


def test_a_token_limited_to_what_its_maker_does_not_see_shows_nothing(place: Place) -> None:
    secret = builders.grant_token(place.member)
    hidden = place.hidden[0]
    AccessToken.objects.filter(owner=place.member.user).update(
        project_ids=[hidden.app.project_id], environment_ids=[hidden.environment.id]
    )
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    for path in ("/deployments", "/holds", "/endpoints"):
        assert get(client, path).json() == []


def test_limits_cost_no_statement_more(place: Place) -> None:
    for path in ("/", f"/environments/{place.here.id}", f"/runs/{place.shown[0].run.id}"):
        assert statements(signed_in(place.member), path) <= statements(signed_in(place.house.owner), path), path
