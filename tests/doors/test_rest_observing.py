"""What runs, over REST: where releases are live, addresses, services' logs, and only what one may see of them."""

from datetime import datetime

import pytest
from django.test import Client
from django.utils import timezone

from environments import lifecycle
from environments.doing.service_logs import take_in
from environments.models import ServiceLogChunk, Slot, Worker
from environments.workers import read_token
from projects.models import Role
from tests import builders
from tests.doors.rest import ROOT, fields, get, is_problem, post
from tests.environments.house import house

pytestmark = pytest.mark.django_db


@pytest.fixture
def place():
    """One app live in one environment, with an address and some lines of its service."""

    class Place:
        house = house()
        environment = house.environment("qa")
        app = house.app("shop")
        release = house.release(app, "1.0")
        deployment = house.live(release, environment)
        client = builders.rest(house.owner)

    service = {"name": "web", "state": "running"}
    Slot.objects.filter(app=Place.app).update(services=[service])
    for n in range(3):
        ServiceLogChunk.objects.create(
            environment=Place.environment, app=Place.app, deployment=Place.deployment, service="web", offset=n * 2,
            count=2, size=10, lines=[
                {"at": timezone.now().isoformat(), "stream": "out", "text": f"line {n * 2 + k}"} for k in range(2)
            ],
        )  # fmt: skip
    return Place


def test_a_release_tells_where_it_is_live(place):
    newer = place.house.release(place.app, "2.0")
    shown = {row["version"]: row["live_in"] for row in get(place.client, "/releases").json()}
    assert shown == {"1.0": [str(place.environment.id)], "2.0": []}
    place.house.live(newer, place.environment)
    assert get(place.client, f"/releases/{place.release.id}").json()["live_in"] == []
    lifecycle.delete(place.environment, by=place.house.owner)
    assert get(place.client, f"/releases/{newer.id}").json()["live_in"] == []


def test_an_address_tells_what_was_last_seen_behind_it(place):
    [shown] = get(place.client, "/endpoints").json()
    assert (shown["app"], shown["service"], shown["status"], shown["port"]) == ("shop", "web", "running", 20000)
    assert shown["url"] == "http://127.0.0.1:20000"
    brief = {name: shown[name] for name in ("name", "url", "app", "service", "status")}
    assert get(place.client, f"/environments/{place.environment.id}").json()["endpoints"] == [brief]
    assert get(place.client, "/endpoints?environment=QA&app=shop").json() == [shown]
    other = place.house.environment("other")
    assert get(place.client, f"/endpoints?environment={other.id}").json() == []
    assert is_problem(get(place.client, "/endpoints?app=nothing"), 404)


def test_the_newest_lines_of_a_service_are_read_oldest_first(place):
    path = f"/environments/{place.environment.id}/logs"
    assert [line["text"] for line in get(place.client, path).json()] == [f"line {n}" for n in range(6)]
    assert [line["text"] for line in get(place.client, f"{path}?limit=3").json()] == ["line 3", "line 4", "line 5"]
    page = get(place.client, f"{path}?limit=4")
    assert [line["text"] for line in page.json()] == ["line 2", "line 3", "line 4", "line 5"]
    older = page["Link"].partition("/api/v1")[2].partition(">")[0]
    assert [line["text"] for line in get(place.client, older).json()] == ["line 0", "line 1"]
    assert "Link" not in get(place.client, older).headers
    assert [line["text"] for line in get(place.client, f"{path}?skip=5").json()] == ["line 0"]
    assert fields(get(place.client, f"{path}?cursor=nonsense")) == {"cursor"}
    assert get(place.client, f"{path}?service=other").json() == []
    assert len(get(place.client, f"{path}?app=shop&service=web").json()) == 6
    assert get(place.client, f"{path}?since=2099-01-01T00:00:00Z").json() == []
    assert fields(get(place.client, f"{path}?since=yesterday")) == {"since"}
    assert is_problem(get(place.client, f"{path}?app=nothing"), 404)


def test_a_worker_that_tells_no_time_spoils_nothing(place):
    said = ({"at": "2026-99-01T00:00:00Z", "text": "late"}, {"at": "2026-01-01T00:00:00", "text": "nowhere"})
    take_in(
        place.house.workers[place.environment.id],
        [{"deployment_id": str(place.deployment.id), "app_id": str(place.app.id), "service": "web", "offset": 6,
          "lines": list(said)}],
    )  # fmt: skip

    read = get(place.client, f"/environments/{place.environment.id}/logs?since=2020-01-01T00:00:00Z")

    assert [line["text"] for line in read.json()][-2:] == ["late", "nowhere"]
    assert all(datetime.fromisoformat(line["at"]).tzinfo for line in read.json())


def test_a_time_without_a_zone_is_refused(place):
    logs = f"/environments/{place.environment.id}/logs"
    assert fields(get(place.client, f"{logs}?since=2020-01-01T00:00:00")) == {"since"}
    token = {"name": "ci", "role": "viewer", "expires_at": "2100-01-01T00:00:00"}
    assert fields(post(place.client, "/tokens", token)) == {"expires_at"}


def test_an_events_id_of_any_length_is_refused_in_words(place):
    for after in ("9" * 5000 + "-1", "1-" + "9" * 5000):
        assert fields(get(place.client, f"/events?after={after}")) == {"after"}


def test_a_token_of_another_project_sees_neither_address_nor_line(place):
    other = place.house.project("OTHER")
    limited = builders.token(place.house.owner, role=Role.ADMIN, project_ids=[other.id])
    client = Client(headers={"Authorization": f"Bearer {limited}"})
    assert get(client, "/endpoints").json() == []
    assert get(client, f"/environments/{place.environment.id}").json()["endpoints"] == []
    assert get(client, f"/environments/{place.environment.id}/logs").json() == []
    assert get(client, "/releases").json() == []


def test_a_worker_that_repeats_its_registration_with_a_key_gets_no_second_session(place):
    token = read_token(place.environment, by=place.house.owner).reveal()
    client = Client(headers={"Authorization": f"Bearer {token}"})
    body = {"environment_name": "qa", "hostname": "n"}
    before = Worker.objects.count()
    assert post(client, "/workers/register", body, Idempotency_Key="k").status_code == 200
    assert is_problem(post(client, "/workers/register", body, Idempotency_Key="k"), 409, "shown-once")
    assert Worker.objects.count() == before + 1
    assert is_problem(client.post(f"{ROOT}/projects", headers={"Idempotency-Key": "k"}), 404)
