"""The plan sheet: looking writes nothing, one button acts, and every refusal is read where it was met."""

import re
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from environments.models import Deployment, Environment, Hold, Plan, Run
from projects.models import App
from tests.environments import house as builders
from tests.environments.house import House

pytestmark = pytest.mark.django_db


@pytest.fixture
def house() -> House:
    return builders.house()


@pytest.fixture
def stages(house: House) -> list[Environment]:
    found = [house.environment(name) for name in ("development", "staging", "production")]
    Environment.objects.filter(pk=found[2].pk).update(protected=True)
    house.chain("development", "staging", "production")
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


def address(kind: str, app: App, environment: Environment, **more: object) -> str:
    values = {"kind": kind, "app": app.id, "environment_id": environment.id, **more}
    return reverse("plan-draft") + "?" + "&".join(f"{name}={value}" for name, value in values.items())


def form(html: str) -> dict[str, str]:
    """The values of the form that carries a plan out, as a browser would send them."""
    found = re.search(r'<form id="carry-out".*?</form>', html, re.S)
    assert found, "the plan cannot be carried out"
    return dict(re.findall(r'name="([^"]+)" value="([^"]*)"', found[0]))


def look(client: Client, at: str) -> str:
    response = client.get(at)
    assert response.status_code == 200
    return response.content.decode()


def test_looking_at_a_plan_writes_nothing(client: Client, house: House, app: App, stages: list[Environment]) -> None:
    release = house.release(app, "1.0")

    shown = look(client, address("deploy", app, stages[0], release=release.id))

    assert "Deploy to development" in shown
    assert not Plan.objects.exists()


def test_the_release_that_is_planned_is_the_chosen_one_however_old_it_is(
    client: Client, house: House, app: App, stages: list[Environment]
) -> None:
    oldest = house.release(app, "0.9")
    for number in range(51):
        house.release(app, f"1.{number}")

    shown = look(client, address("deploy", app, stages[0], release=oldest.id))

    assert re.findall(r'<option value="[^"]*" selected>([^<]*)', shown) == ["0.9"]


def test_the_button_deploys_and_leads_to_the_run(
    client: Client, house: House, app: App, stages: list[Environment]
) -> None:
    release = house.release(app, "1.0")
    sent = form(look(client, address("deploy", app, stages[0], release=release.id)))

    response = client.post(reverse("plans"), sent | {"reason": "first one", "link": "https://ci.example/1"})

    deployment = Deployment.objects.get()
    assert response["Location"].startswith(reverse("run", args=[deployment.run.id]))
    assert (deployment.release, deployment.reason, deployment.link) == (release, "first one", "https://ci.example/1")


def test_in_the_dialog_the_button_closes_it_and_says_what_happens(
    client: Client, house: House, app: App, stages: list[Environment]
) -> None:
    release = house.release(app, "1.0")
    sent = form(look(client, address("deploy", app, stages[0], release=release.id)))

    response = client.post(reverse("plans"), sent, headers={"HX-Request": "true", "HX-Target": "sheet"})

    assert "shop 1.0 is on its way to development." in response.content.decode()
    assert 'id="plan"' not in response.content.decode()


def test_the_boards_links_lead_to_plans_that_can_be_carried_out(
    client: Client, house: House, app: App, stages: list[Environment]
) -> None:
    house.live(house.release(app, "1.0"), stages[0])
    link = re.search(r'class="promote[^>]*href="([^"]+)"', look(client, "/"))
    assert link

    client.post(reverse("plans"), form(look(client, link[1].replace("&amp;", "&"))))

    assert Deployment.objects.filter(environment=stages[1], kind="promotion").exists()


def test_a_protected_environment_wants_its_name_typed(
    client: Client, house: House, app: App, stages: list[Environment]
) -> None:
    release = house.release(app, "1.0")
    for stage in stages[:2]:
        house.live(release, stage)
    shown = look(client, address("promotion", app, stages[2]))
    assert 'pattern="production"' in shown

    wrong = client.post(reverse("plans"), form(shown) | {"confirm": "staging"})
    assert wrong.status_code == 422
    assert "Type production to confirm." in wrong.content.decode()
    assert not Deployment.objects.filter(environment=stages[2]).exists()
    assert not Plan.objects.filter(environment=stages[2]).exists()

    client.post(reverse("plans"), form(shown) | {"confirm": "production"})
    assert Deployment.objects.filter(environment=stages[2]).exists()


def test_a_plan_that_changed_since_it_was_seen_is_shown_anew(
    client: Client, house: House, app: App, stages: list[Environment]
) -> None:
    first, second = house.release(app, "1.0"), house.release(app, "1.1")
    sent = form(look(client, address("deploy", app, stages[0], release=second.id)))
    house.live(first, stages[0])

    response = client.post(reverse("plans"), sent)

    shown = response.content.decode()
    assert response.status_code == 409
    assert "Something has changed since you opened this plan" in shown
    assert "replaces 1.0" in shown
    assert form(shown)["digest"] != sent["digest"]


def test_a_closed_gate_is_a_sentence_beside_a_button_that_does_nothing(
    client: Client, house: House, app: App, stages: list[Environment]
) -> None:
    release = house.release(app, "1.0")

    shown = look(client, address("promotion", app, stages[1], release=release.id))

    assert "shop 1.0 has not succeeded in development yet" in shown
    assert 'id="carry-out"' not in shown
    assert 'aria-disabled="true">Promote to staging' in shown


def test_an_owner_bypasses_a_gate_with_a_reason_and_an_operator_is_not_offered_it(
    client: Client, house: House, app: App, stages: list[Environment]
) -> None:
    release = house.release(app, "1.0")
    at = address("promotion", app, stages[1], release=release.id)
    assert "Reason to bypass this gate" in look(client, at)

    shown = look(client, at + "&bypass=1&reason=incident+7")
    client.post(reverse("plans"), form(shown) | {"reason": "incident 7"})

    assert Deployment.objects.get().bypass
    operator = Client()
    operator.force_login(house.person("operator").user)
    assert "Reason to bypass this gate" not in look(
        operator, address("promotion", app, stages[1]) + f"&release={release.id}"
    )


def test_a_rollback_offers_what_was_live_before_and_sets_a_hold(
    client: Client, house: House, app: App, stages: list[Environment]
) -> None:
    for version in ("1.0", "1.1", "1.2"):
        house.live(house.release(app, version), stages[0])

    shown = look(client, address("rollback", app, stages[0]))
    assert "Roll back to 1.1" in shown
    assert re.findall(r"<option[^>]*>([^<]+)", shown) == ["1.1", "1.0"]
    client.post(reverse("plans"), form(shown))

    house.ended(Deployment.objects.get(kind="rollback"))
    assert Hold.objects.filter(slot__app=app, lifted_at=None).exists()


def test_a_removal_says_what_it_frees(client: Client, house: House, app: App, stages: list[Environment]) -> None:
    house.live(house.release(app, "1.0"), stages[0])

    shown = look(client, address("removal", app, stages[0]))
    client.post(reverse("plans"), form(shown))

    assert "its services stop, its addresses become free" in shown
    assert Deployment.objects.filter(kind="removal").exists()


def test_nothing_to_roll_back_to_is_a_sentence(
    client: Client, house: House, app: App, stages: list[Environment]
) -> None:
    house.live(house.release(app, "1.0"), stages[0])

    nothing = look(client, address("rollback", app, stages[0]))
    assert "Nothing was live in development before" in nothing
    assert "live now" not in nothing, "what was not looked at is not told"


def test_a_second_deployment_at_once_reads_whose_is_on_its_way(
    client: Client, house: House, app: App, stages: list[Environment]
) -> None:
    release = house.release(app, "1.0")
    at = address("deploy", app, stages[0], release=release.id)
    first, second = form(look(client, at)), form(look(client, at))
    client.post(reverse("plans"), first)

    response = client.post(reverse("plans"), second)

    assert response.status_code == 409
    shown = response.content.decode()
    assert "shop 1.0 is on its way to development, asked by" in shown
    assert ">Open run<" in shown
    assert Run.objects.filter(app=app).exclude(kind="prepare").count() == 1


def test_a_viewer_may_not_look_at_a_plan_and_a_stranger_finds_none(
    house: House, app: App, stages: list[Environment]
) -> None:
    release = house.release(app, "1.0")
    at = address("deploy", app, stages[0], release=release.id)
    statuses = []
    for actor in (house.person("viewer"), builders.house().owner):
        client = Client()
        client.force_login(actor.user)
        statuses.append(
            (client.get(at).status_code, client.post(reverse("plans"), dict(parse_qsl(urlsplit(at).query))).status_code)
        )

    assert statuses == [(403, 403), (404, 404)]


def test_a_promotion_out_of_what_one_does_not_see_does_not_name_it(
    house: House, app: App, stages: list[Environment]
) -> None:
    house.live(house.release(app, "1.0"), stages[0])
    operator = Client()
    operator.force_login(house.person("operator", environment=stages[1]).user)

    shown = look(operator, address("promotion", app, stages[1]))

    assert stages[0].title not in shown
    assert "an environment you do not see" in shown


def test_nonsense_in_the_address_is_not_found(client: Client, app: App, stages: list[Environment]) -> None:
    for at in (
        reverse("plan-draft"),
        address("nonsense", app, stages[0]),
        address("deploy", app, stages[0], release="nonsense"),
    ):
        assert client.get(at).status_code == 404, at
    assert client.get(reverse("plan-draft") + "?kind=deploy&app=%00").status_code == 400
