"""The plan sheet and the board about configuration: what is missing is set where it is missed, and nothing leaks."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from environments.configuration import secrets, variables
from environments.doing import overtaking
from environments.models import Deployment, Entry, Environment
from environments.resolving.scopes import Scope
from projects.credentials import Secret
from projects.models import App
from tests.builders import rest
from tests.doors.rest import get, is_problem, post
from tests.doors.test_board_page import text
from tests.doors.test_plan_sheet import address, form, look
from tests.environments import house as builders
from tests.environments.house import House

pytestmark = pytest.mark.django_db
NEEDY = """
services: [{name: web, run: "serve --port $PORT"}]
requires:
  variables: [{name: LIMIT, type: number}]
  secrets: [STRIPE_KEY]
"""


@pytest.fixture
def house() -> House:
    return builders.house()


@pytest.fixture
def stages(house: House) -> list[Environment]:
    found = [house.environment(name) for name in ("development", "staging")]
    house.chain("development", "staging")
    return found


@pytest.fixture
def app(house: House) -> App:
    return house.app("shop")


@pytest.fixture
def client(house: House) -> Client:
    client = Client()
    assert house.owner.user
    client.force_login(house.owner.user)
    return client


def fix(html: str) -> dict[str, str]:
    found = re.search(r'<form class="fix".*?</form>', html, re.S)
    assert found, "nothing can be set here"
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', found[0]))


def test_what_is_missing_is_named_set_in_place_and_then_promoted(
    client: Client, house: House, app: App, stages: list[Environment]
) -> None:
    release = house.release(app, "1.0", manifest=NEEDY)

    shown = look(client, address("deploy", app, stages[0], release=release.id))

    assert "2 keys have no value that shop 1.0 could run with in development" in text(shown)
    assert [words for words in re.findall(r"<option value=\"[a-z-]+\">([^<]+)", shown)] == [
        "shop in development", "Web in development", "development", "shop", "Web", "Organization"
    ]  # fmt: skip
    given = fix(shown) | {"value:LIMIT": "12", "value:STRIPE_KEY": "sk_live_1", "scope": "app-environment"}
    mended = client.post(reverse("plan-values"), given)
    assert mended.status_code == 200
    html = mended.content.decode()
    assert "sk_live_1" not in html and "All 2 keys that shop 1.0 requires have a value" in text(html)
    assert client.post(reverse("plans"), form(html)).status_code == 302
    pinned = {key for key, _ in Deployment.objects.get().pins}
    assert pinned == {"LIMIT", "STRIPE_KEY"}
    assert {(one.key, one.app_id, one.environment_id) for one in Entry.objects.all()} == {
        (key, app.pk, stages[0].pk) for key in pinned
    }


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"value:LIMIT": "many"}, "is not a number"),
        ({"value:LIMIT": "", "value:STRIPE_KEY": ""}, "Give at least one value"),
        ({"scope": "moon"}, "Choose where the values are to hold"),
    ],
)
def test_what_cannot_be_set_is_refused_in_the_sheet_and_nothing_is_kept(
    client: Client, house: House, app: App, stages: list[Environment], change: dict[str, str], sentence: str
) -> None:
    release = house.release(app, "1.0", manifest=NEEDY)
    shown = look(client, address("deploy", app, stages[0], release=release.id))
    given = fix(shown) | {"value:LIMIT": "12", "value:STRIPE_KEY": "hidden", "scope": "environment"} | change

    answer = client.post(reverse("plan-values"), given)

    assert answer.status_code == 422 and sentence in text(answer.content.decode())
    assert not Entry.objects.exists()
    assert "hidden" not in re.findall(r'value="([^"]*)"', answer.content.decode())


def test_a_rollback_offers_release_configuration_or_both_and_shows_then_now_and_after(
    client: Client, house: House, app: App, stages: list[Environment]
) -> None:
    here = Scope(environment=stages[0])
    mode = variables.create(here, by=house.owner, key="MODE", value="calm")
    house.live(house.release(app, "1.0"), stages[0])
    variables.update(mode, by=house.owner, value="wild")
    house.live(house.release(app, "2.0"), stages[0])

    shown = look(client, address("rollback", app, stages[0]))

    assert [words for words in re.findall(r'<a class="chip"[^>]*>([^<]+)', shown)] == [
        "Release and configuration", "Release only", "Configuration only"
    ]  # fmt: skip
    assert "MODE calm v1 wild v2 calm v1" in text(shown)
    only = re.findall(r'<a class="chip" href="([^"]+)"[^>]*>Configuration only', shown)[0].replace("&amp;", "&")
    sheet = look(client, only)
    assert client.post(reverse("plans"), form(sheet)).status_code == 302
    made = Deployment.objects.order_by("number").last()
    assert made is not None and made.release is not None
    assert (made.release.version, made.kind, made.configuration) == ("2.0", "redeploy", "of_deployment")


def test_the_board_says_what_is_not_running_and_leads_to_the_same_release_again(
    client: Client, house: House, app: App, stages: list[Environment]
) -> None:
    house.live(house.release(app, "1.0"), stages[0])
    for key in ("A", "B"):
        variables.create(Scope(environment=stages[0]), by=house.owner, key=key, value="x")
    overtaking.settle_all()

    board = look(client, "/")

    assert "2 changes not running" in text(board)
    again = re.findall(r'href="([^"]+kind=redeploy[^"]+)"', board)[0].replace("&amp;", "&")
    assert "2 keys" in text(look(client, again))
    assert "2 changes not running" in text(look(client, f"/environments/{stages[0].id}"))
    assert get(rest(house.owner), "/board").json()["rows"][0]["cells"][0]["overtaken"] == 2
    house.release(app, "2.0")
    newer = look(client, "/")
    assert "kind=redeploy" in newer and "kind=deploy" in newer, "also where there is a newer release to deploy"
    viewer = builders.builders.member(house.organization, "viewer")
    shown = Client()
    shown.force_login(viewer.user)
    seen = look(shown, "/")
    assert "2 changes not running" in text(seen) and "kind=redeploy" not in seen


def test_over_rest_a_blocked_plan_names_its_keys_and_a_rollback_takes_its_choice(
    house: House, app: App, stages: list[Environment]
) -> None:
    api = rest(house.owner)
    needy = house.release(app, "3.0", manifest=NEEDY)
    where = {"environment_id": str(stages[0].id)}
    refused = post(api, "/promotions", {"release_id": str(needy.id), **where})
    assert is_problem(refused, 409)
    gate = next(each for each in refused.json()["errors"] if each["code"] == "configuration")
    assert "STRIPE_KEY: the secret is not set" in gate["sentence"] and not gate["passed"]

    secret = secrets.create(Scope(), by=house.owner, key="TOKEN", value=Secret("planted-one"))
    house.live(house.release(app, "1.0"), stages[0])
    secrets.update(secret, by=house.owner, value=Secret("planted-two"))
    house.live(house.release(app, "2.0"), stages[0])
    wish: dict[str, Any] = {"app_id": str(app.id), **where, "dry_run": True}

    both = post(api, "/rollbacks", wish).json()
    kept = post(api, "/rollbacks", wish | {"configuration": "pinned"}).json()

    assert (both["configuration"], kept["configuration"]) == ("of_deployment", "pinned")
    assert both["configuration_changes"] == [
        {"key": "TOKEN", "then": "••••••••", "before": "••••••••", "after": "••••••••", "masked": True,
         "then_version": 1, "before_version": 2, "after_version": 1}
    ]  # fmt: skip
    assert "planted" not in str(both)
    assert is_problem(post(api, "/rollbacks", wish | {"configuration": "moon"}), 422)
