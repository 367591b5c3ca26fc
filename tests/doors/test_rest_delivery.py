"""The REST doors of delivery: shapes, codes and gates, as a script meets them."""

import uuid
from typing import Any

import pytest
from django.test import Client

from environments import lifecycle
from environments.models import Deployment, Plan
from projects.models import Role
from tests import builders
from tests.environments.line import Line, line
from tests.shared import built_once, fresh

pytestmark = pytest.mark.django_db
NOBODY = uuid.UUID(int=1)


built = built_once(line)


@pytest.fixture
def road(built: Line) -> Line:
    return fresh(built)


@pytest.fixture
def client(road: Line) -> Client:
    return builders.rest(road.owner)


def post(client: Client, path: str, **body: Any) -> Any:
    return client.post(f"/api/v1{path}", body, content_type="application/json")


def get(client: Client, path: str, **query: Any) -> Any:
    return client.get(f"/api/v1{path}", query)


def wrong(answer: Any) -> str:
    assert answer.status_code == 422, answer.content
    return str(answer.json()["errors"][0]["field"])


def ids(**things: Any) -> dict[str, str]:
    return {f"{name}_id": str(thing.id) for name, thing in things.items()}


class TestPlans:
    def test_a_plan_is_made_and_read_again(self, road: Line, client: Client) -> None:
        answer = post(client, "/plans", **ids(release=road.v1, environment=road.development))
        plan = answer.json()
        assert answer.status_code == 201
        assert answer["Location"] == f"/api/v1/plans/{plan['id']}"
        assert (plan["kind"], plan["version"], plan["blocked"], plan["from_release_id"]) == (
            "deploy", "1.0", False, None,
        )  # fmt: skip
        assert {tuple(gate) for gate in plan["gates"]} == {("code", "passed", "sentence", "fix_url")}
        assert [change["version"] for change in plan["changes"]] == ["1.0"]
        assert get(client, f"/plans/{plan['id']}").json() == plan

    def test_a_blocked_plan_is_a_plan_too(self, road: Line, client: Client) -> None:
        answer = post(client, "/plans", **ids(release=road.v1, environment=road.staging))
        assert (answer.status_code, answer.json()["kind"], answer.json()["blocked"]) == (201, "promotion", True)

    def test_carrying_it_out_makes_a_deployment(self, road: Line, client: Client) -> None:
        plan = post(client, "/plans", **ids(release=road.v1, environment=road.development)).json()
        answer = post(client, "/deployments", plan_id=plan["id"], link="https://ci.example.org/1", reason="first")
        deployment = answer.json()
        assert answer.status_code == 201
        assert answer["Location"] == f"/api/v1/deployments/{deployment['id']}"
        assert (deployment["phase"], deployment["kind"], deployment["version"]) == ("queued", "deploy", "1.0")
        assert (deployment["reason"], deployment["link"]) == ("first", "https://ci.example.org/1")
        assert get(client, f"/runs/{deployment['run_id']}").json()["deployment_id"] == deployment["id"]
        assert get(client, f"/deployments/{deployment['id']}").json() == deployment

    def test_a_blocked_plan_answers_409_with_the_gates(self, road: Line, client: Client) -> None:
        plan = post(client, "/plans", **ids(release=road.v1, environment=road.staging)).json()
        answer = post(client, "/deployments", plan_id=plan["id"])
        assert (answer.status_code, answer["Content-Type"]) == (409, "application/problem+json")
        assert answer.json()["code"] == "blocked"
        assert answer.json()["errors"] == plan["gates"]

    def test_a_stale_plan_answers_409(self, road: Line, client: Client) -> None:
        plan = post(client, "/plans", **ids(release=road.v2, environment=road.development)).json()
        road.deployed(road.v1, road.development)
        answer = post(client, "/deployments", plan_id=plan["id"])
        assert (answer.status_code, answer.json()["code"]) == (409, "stale")

    def test_a_wrong_confirmation_is_422_even_for_a_plan(self, road: Line, client: Client) -> None:
        wish = ids(release=road.v1, environment=road.development)
        assert post(client, "/plans", **wish, confirm="production").status_code == 422
        assert post(client, "/plans", **wish, confirm="development").status_code == 201

    @pytest.mark.parametrize("path", ["/plans/nonsense", f"/plans/{NOBODY}", f"/deployments/{NOBODY}"])
    def test_what_is_unknown_is_404(self, client: Client, path: str) -> None:
        assert get(client, path).status_code == 404

    def test_an_unknown_field_is_422_naming_it(self, road: Line, client: Client) -> None:
        answer = post(client, "/plans", **ids(release=road.v1, environment=road.development), approval="x")
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "approval"

    def test_a_viewer_is_403_and_a_stranger_404(self, road: Line) -> None:
        wish = ids(release=road.v1, environment=road.development)
        assert post(builders.rest(road.house.person(Role.VIEWER)), "/plans", **wish).status_code == 403
        stranger = builders.rest(builders.owner_of(builders.organization()))
        assert post(stranger, "/plans", **wish).status_code == 404

    def test_an_overlong_link_is_422(self, road: Line, client: Client) -> None:
        wish = ids(release=road.v1, environment=road.development)
        for link in ("javascript:alert(1)", "https://x.example.org/" + "a" * 600):
            assert post(client, "/plans", **wish, link=link).status_code == 422


class TestPromotions:
    def test_in_one_call(self, road: Line, client: Client) -> None:
        road.deployed(road.v1, road.development)
        answer = post(client, "/promotions", **ids(app=road.app, environment=road.staging))
        assert (answer.status_code, answer.json()["kind"], answer.json()["version"]) == (201, "promotion", "1.0")

    def test_dry_run_answers_the_plan_and_does_nothing(self, road: Line, client: Client) -> None:
        road.deployed(road.v1, road.development)
        answer = post(client, "/promotions", **ids(app=road.app, environment=road.staging), dry_run=True)
        assert (answer.status_code, answer.json()["kind"], "gates" in answer.json()) == (200, "promotion", True)
        assert not Deployment.objects.filter(environment=road.staging).exists()
        wish = ids(app=road.app, environment=road.staging)
        assert wrong(post(client, "/promotions", **wish, dry_run=True, confirm="production")) == "confirm"
        again = post(client, "/deployments", plan_id=answer.json()["id"])
        assert again.status_code == 201

    def test_blocked_it_leaves_no_plan(self, road: Line, client: Client) -> None:
        answer = post(client, "/promotions", **ids(release=road.v1, environment=road.staging))
        assert (answer.status_code, answer.json()["code"]) == (409, "blocked")
        assert not Plan.objects.exists()

    def test_into_a_whole_stage(self, road: Line, client: Client) -> None:
        eu = road.house.environment("production-eu")
        project = road.house.project("OPS")
        app = road.house.app("tool", project=project)
        release = road.house.release(app, "1")
        road.house.chain("staging", ["production", "production-eu"], project=project)
        road.house.live(release, road.staging)
        lifecycle.update(eu, by=road.owner, protected=True)
        wish = {"app_id": str(app.id), "environment_ids": [str(road.production.id), str(eu.id)]}
        assert post(client, "/promotions", **wish).status_code == 422
        planned = post(client, "/promotions", **wish, dry_run=True)
        assert (planned.status_code, len(planned.json()["plans"])) == (200, 2)
        assert wrong(post(client, "/promotions", **wish, dry_run=True, confirm="production")) == "confirm"
        answer = post(client, "/promotions", **wish, confirm="Stage 2")
        assert answer.status_code == 201
        assert {each["environment_id"] for each in answer.json()["deployments"]} == {
            str(road.production.id),
            str(eu.id),
        }

    @pytest.mark.parametrize("both", [True, False])
    def test_one_of_the_two_names_where(self, road: Line, client: Client, both: bool) -> None:
        place = str(road.staging.id)
        where = {"environment_id": place, "environment_ids": [place]} if both else {}
        answer = post(client, "/promotions", **ids(app=road.app), **where)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "environment_id")

    def test_a_held_one_says_held(self, road: Line, client: Client) -> None:
        road.deployed(road.v1, road.development)
        road.deployed(road.v2, road.development)
        road.rolled_back(road.development)
        wish = ids(release=road.v3, environment=road.development)
        answer = post(client, "/promotions", **wish)
        assert (answer.status_code, answer.json()["code"]) == (409, "held")
        assert post(client, "/promotions", **wish, lift_hold=True).status_code == 201

    def test_the_same_key_promotes_once(self, road: Line, client: Client) -> None:
        road.deployed(road.v1, road.development)
        wish = ids(app=road.app, environment=road.staging)
        answers = [
            client.post("/api/v1/promotions", wish, content_type="application/json", headers={"Idempotency-Key": "k1"})
            for _ in range(2)
        ]
        assert [answer.status_code for answer in answers] == [201, 201]
        assert answers[0].json() == answers[1].json()
        assert Deployment.objects.filter(environment=road.staging).count() == 1


class TestRollbacksAndRemovals:
    def test_a_rollback_in_one_call_and_its_hold(self, road: Line, client: Client) -> None:
        road.deployed(road.v1, road.development)
        road.deployed(road.v2, road.development)
        answer = post(client, "/rollbacks", **ids(app=road.app, environment=road.development), reason="broken")
        assert (answer.status_code, answer.json()["kind"], answer.json()["version"]) == (201, "rollback", "1.0")
        road.house.ended(Deployment.objects.get(pk=answer.json()["id"]))
        found = get(client, "/holds", app="shop", environment="development").json()
        assert [(hold["app_id"], hold["reason"]) for hold in found] == [
            (str(road.app.id), "Rolled back from 2.0 to 1.0: broken")
        ]
        assert client.delete(f"/api/v1/holds/{found[0]['id']}").status_code == 204
        assert get(client, "/holds").json() == []
        assert client.delete(f"/api/v1/holds/{found[0]['id']}").status_code == 404

    def test_nothing_to_return_to_is_409(self, road: Line, client: Client) -> None:
        road.deployed(road.v1, road.development)
        answer = post(client, "/rollbacks", **ids(app=road.app, environment=road.development))
        assert (answer.status_code, answer.json()["code"]) == (409, "no-rollback-target")

    def test_dry_run_of_a_rollback_answers_the_plan(self, road: Line, client: Client) -> None:
        road.deployed(road.v1, road.development)
        road.deployed(road.v2, road.development)
        answer = post(client, "/rollbacks", **ids(app=road.app, environment=road.development), dry_run=True)
        assert (answer.status_code, answer.json()["version"], answer.json()["from_version"]) == (200, "1.0", "2.0")
        wish = ids(app=road.app, environment=road.development)
        assert wrong(post(client, "/rollbacks", **wish, dry_run=True, confirm="staging")) == "confirm"

    def test_a_removal(self, road: Line, client: Client) -> None:
        road.deployed(road.v1, road.development)
        wish = ids(app=road.app, environment=road.development)
        assert post(client, "/removals", **wish, dry_run=True).json()["kind"] == "removal"
        assert post(client, "/removals", **wish, dry_run=True, confirm="development").status_code == 200
        assert wrong(post(client, "/removals", **wish, dry_run=True, confirm="staging")) == "confirm"
        answer = post(client, "/removals", **wish)
        assert (answer.status_code, answer.json()["kind"], answer.json()["release_id"]) == (201, "removal", None)

    def test_a_person_places_a_hold(self, road: Line, client: Client) -> None:
        wish = ids(app=road.app, environment=road.development)
        answer = post(client, "/holds", **wish, reason="the database is moving")
        hold = answer.json()
        assert (answer.status_code, answer["Location"]) == (201, f"/api/v1/holds/{hold['id']}")
        assert get(client, f"/holds/{hold['id']}").json() == hold
        again = post(client, "/holds", **wish)
        assert (again.status_code, again.json()["code"]) == (409, "already-held")
        viewer = builders.rest(road.house.person(Role.VIEWER))
        assert post(viewer, "/holds", **wish).status_code == 403


class TestLists:
    def test_deployments_newest_first_and_filtered(self, road: Line, client: Client) -> None:
        road.deployed(road.v1, road.development)
        road.house.ended(road.deploy(road.v2, road.development), "failed")
        road.promote(road.staging, release=road.v1)
        versions = [(each["version"], each["phase"]) for each in get(client, "/deployments").json()]
        assert versions == [("1.0", "queued"), ("2.0", "failed"), ("1.0", "succeeded")]
        assert len(get(client, "/deployments", environment="Development").json()) == 2
        assert len(get(client, "/deployments", phase="failed", app="shop").json()) == 1
        assert get(client, "/deployments", environment="nowhere").status_code == 404
        assert get(client, "/deployments", phase="nonsense").status_code == 422
        first = get(client, "/deployments", limit=2)
        assert 'rel="next"' in first["Link"] and len(first.json()) == 2

    def test_someone_of_one_environment_sees_its_deployments_only(self, road: Line) -> None:
        road.deployed(road.v1, road.development, road.staging)
        person = road.house.person(Role.VIEWER, environment=road.staging)
        found = get(builders.rest(person), "/deployments").json()
        assert [each["environment_id"] for each in found] == [str(road.staging.id)]


class TestArchiving:
    def test_an_app_is_archived_once_nothing_of_it_is_in_flight(self, road: Line, client: Client) -> None:
        path = f"/api/v1/apps/{road.app.id}"
        road.deployed(road.v1, road.development)
        going = road.deploy(road.v2, road.development)
        refused = client.delete(path)
        assert (refused.status_code, refused.json()["code"]) == (409, "in-flight")
        assert refused.json()["detail"] == (
            f"deploy shop 2.0 (run #{going.run.number}) is in flight in development; wait for it or cancel it first."
        )
        viewer = builders.rest(road.house.person(Role.VIEWER))
        assert viewer.delete(path).status_code == 403
        road.house.ended(going)
        # What runs of it runs on, and is still removed.
        assert [client.delete(path).status_code for _ in range(2)] == [204, 204]
        assert post(client, "/removals", **ids(app=road.app, environment=road.development)).status_code == 201
        assert client.delete(path).status_code == 204


class TestRestarts:
    def test_a_restart_answers_the_run(self, road: Line, client: Client) -> None:
        road.deployed(road.v1, road.development)
        path = f"/environments/{road.development.id}/restarts"
        answer = post(client, path, app_id=str(road.app.id), service="web")
        assert (answer.status_code, answer.json()["kind"], answer.json()["service"]) == (200, "restart", "web")
        assert post(client, path, app_id=str(road.app.id), service="web").status_code == 409
        assert post(client, path, app_id=str(road.app.id), service="nonsense").status_code == 422
        assert wrong(post(client, path, app_id=str(road.app.id), service="web", reason="x" * 5_000)) == "reason"

    def test_while_a_deployment_is_in_flight_it_is_409(self, road: Line, client: Client) -> None:
        road.deployed(road.v1, road.development)
        road.deploy(road.v2, road.development)
        path = f"/environments/{road.development.id}/restarts"
        assert post(client, path, app_id=str(road.app.id), service="web").status_code == 409


class TestTheBoard:
    def test_it_tells_what_is_live_how_far_behind_and_what_comes_next(self, road: Line, client: Client) -> None:
        road.deployed(road.v1, road.development, road.staging)
        road.deployed(road.v3, road.development)
        answer = get(client, "/board")
        board = answer.json()
        assert answer.status_code == 200
        assert [column["name"] for column in board["columns"]] == ["development", "staging", "production"]
        row = board["rows"][0]
        assert row["app"]["name"] == "shop"
        development, staging, production = row["cells"]
        assert (development["release"]["version"], development["behind"], development["gate"]) == ("3.0", 0, None)
        assert (staging["release"]["version"], staging["behind"]) == ("1.0", 2)
        assert (staging["gate"]["kind"], staging["gate"]["version"]) == ("promote", "3.0")
        assert (production["release"], production["phase"], production["behind"]) == (None, None, 1)
        assert production["gate"]["version"] == "1.0"

    def test_filters(self, road: Line, client: Client) -> None:
        road.deployed(road.v1, road.development)
        assert len(get(client, "/board", environment="staging").json()["columns"]) == 1
        assert get(client, "/board", q="nothing").json()["rows"] == []
        assert get(client, "/board", status="nonsense").status_code == 422
        assert get(client, "/board", project="NOTHING").status_code == 404
        assert get(client, "/board", colour="red").status_code == 422
