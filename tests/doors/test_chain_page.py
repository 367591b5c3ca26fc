"""The chain page: stages added, moved and removed, by people who may, against the chain they saw."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from environments.models import Chain, Environment, Stage
from projects.access import Actor
from tests import builders as clients
from tests.doors.visiting import beside
from tests.environments import house as builders
from tests.environments.house import House

pytestmark = pytest.mark.django_db


@pytest.fixture
def house() -> House:
    return builders.house()


@pytest.fixture
def chain(house: House) -> Chain:
    for name in ("development", "staging", "production"):
        house.environment(name)
    return house.chain("development", "staging", "production")


def signed_in(actor: Actor) -> Client:
    client = Client()
    assert actor.user
    client.force_login(actor.user)
    return client


def seen(client: Client, at: str = "/chain") -> str:
    found = re.search(r'name="seen" value="([^"]+)"', client.get(at).content.decode())
    assert found
    return found[1]


def focused(shown: str) -> str:
    found = re.findall(r'<[^>]*aria-label="([^"]+)"[^>]* autofocus>', shown)
    assert len(found) == 1
    return found[0]


def order(chain: Chain) -> list[list[str]]:
    return [
        [place.environment.name for place in stage.places.all()]
        for stage in Stage.objects.filter(chain=chain).order_by("position")
    ]


def test_a_stage_moves_earlier_and_later(house: House, chain: Chain) -> None:
    client = signed_in(house.owner)

    at = reverse("chain-stages", args=[chain.id])

    moved = client.post(at, {"seen": seen(client), "act": "up:2"}, follow=True).content.decode()
    assert order(chain) == [["development"], ["production"], ["staging"]]
    assert ("Stage 3 is stage 2 of 3 now." in moved, focused(moved)) == (True, "Move Stage 3 up")
    client.post(at, {"seen": seen(client), "act": "down:0"})
    assert order(chain) == [["production"], ["development"], ["staging"]]
    first = client.post(at, {"seen": seen(client), "act": "up:1"}, follow=True).content.decode()
    assert focused(first) == "Move Stage 1 down"


def test_a_removed_stage_leaves_its_environment(house: House, chain: Chain) -> None:
    client = signed_in(house.owner)

    asked = client.get(reverse("chain-removal", args=[chain.id]) + "?stage=1").content.decode()
    assert "A release goes from Stage 1 straight to Stage 3 then." in asked
    assert 'name="act" value="remove:1"' in asked
    given = {"seen": seen(client), "act": "remove:1"}
    removed = client.post(reverse("chain-stages", args=[chain.id]), given, follow=True).content.decode()

    assert "Stage 2 is removed from the chain." in removed
    assert focused(removed) == "Remove Stage 3 from the chain"
    assert order(chain) == [["development"], ["production"]]
    assert Environment.objects.filter(name="staging", deleted_at=None).exists()


def test_an_added_stage_creates_the_environments_that_are_named(house: House, chain: Chain) -> None:
    house.environment("canary-1")
    client = signed_in(house.owner)
    page = client.get("/chain").content.decode()
    assert 'value="canary-1"' in page
    assert 'value="staging"' not in page.split("A chain for one project")[0]

    given = {"seen": seen(client), "act": "add", "name": "Canary", "environments": "canary-1", "new": "canary-2"}
    client.post(reverse("chain-stages", args=[chain.id]), given)

    assert order(chain)[-1] == ["canary-1", "canary-2"]


def test_what_is_wrong_with_a_stage_is_said_beside_its_field(house: House, chain: Chain) -> None:
    client = signed_in(house.owner)
    at = reverse("chain-stages", args=[chain.id])

    empty = client.post(at, {"seen": seen(client), "act": "add", "name": "Canary"})
    assert (empty.status_code, "Choose an environment or name a new one." in empty.content.decode()) == (422, True)

    for given, field, sentence in (
        ({"name": "Canary", "new": "qa env!"}, "new", "qa env!: Use 2 to 100"),
        ({"name": "STAGE 2", "new": "canary"}, "name", "two stages are called STAGE 2"),
    ):
        bad = client.post(at, {"seen": seen(client), "act": "add", **given})
        assert bad.status_code == 422
        assert beside(bad.content.decode(), field).strip().startswith(sentence)
    assert order(chain) == [["development"], ["staging"], ["production"]]


def test_a_chain_that_somebody_changed_meanwhile_is_shown_anew(house: House, chain: Chain) -> None:
    client = signed_in(house.owner)
    stale = seen(client)
    client.post(reverse("chain-stages", args=[chain.id]), {"seen": stale, "act": "up:2"})

    response = client.post(reverse("chain-stages", args=[chain.id]), {"seen": stale, "act": "remove:1"})

    assert response.status_code == 409
    assert "Somebody changed this chain meanwhile" in response.content.decode()
    assert len(order(chain)) == 3


def test_a_project_gets_a_chain_of_its_own_as_a_copy(house: House, chain: Chain) -> None:
    project = house.project("OWN")
    client = signed_in(house.owner)

    response = client.post(reverse("chains"), {"project": project.id}, follow=True)

    own = Chain.objects.get(project=project)
    assert order(own) == order(chain)
    assert "The apps of Own travel along these stages." in response.content.decode()
    assert "travel along the default chain then" in client.get(reverse("chain-removal", args=[own.id])).content.decode()
    client.post(reverse("chain-removal", args=[own.id]))
    assert not Chain.objects.filter(project=project).exists()


def test_a_viewer_sees_the_stages_and_no_form(house: House, chain: Chain) -> None:
    client = signed_in(house.person("viewer"))
    page = client.get("/chain").content.decode()

    assert "staging" in page
    assert 'name="act"' not in page
    given = {"seen": ",".join(str(stage.id) for stage in chain.stages.order_by("position")), "act": "remove:1"}
    assert client.post(reverse("chain-stages", args=[chain.id]), given).status_code == 403
    assert client.get(reverse("chain-removal", args=[chain.id])).status_code == 403
    assert len(order(chain)) == 3


def test_a_stranger_finds_no_chain(house: House, chain: Chain) -> None:
    stranger = signed_in(builders.house().owner)

    assert stranger.get(reverse("chain-of-project", args=[chain.id])).status_code == 404
    assert stranger.post(reverse("chain-stages", args=[chain.id]), {"act": "remove:0"}).status_code == 404
    assert stranger.post(reverse("chain-removal", args=[chain.id])).status_code == 404
    assert stranger.get(reverse("chain-removal", args=[chain.id])).status_code == 404
    assert "staging" not in stranger.get("/chain").content.decode()


def test_nonsense_changes_nothing(house: House, chain: Chain) -> None:
    client = signed_in(house.owner)

    for act in ("up:0", "down:2", "remove:9", "remove:x", "burn:1", ""):
        given = {"seen": seen(client), "act": act}
        assert client.post(reverse("chain-stages", args=[chain.id]), given).status_code == 404, act
    for stage in ("3", "x", "-1"):
        assert client.get(reverse("chain-removal", args=[chain.id]) + f"?stage={stage}").status_code == 404, stage
    for nonsense in ("up:9", "burn:1", "up", ":", "down:x"):
        assert client.get("/chain", {"at": nonsense}).status_code == 200, nonsense
    assert len(order(chain)) == 3


def test_who_sees_one_environment_is_told_of_no_other(house: House, chain: Chain) -> None:
    staging = Environment.objects.get(name="staging")
    viewer = house.person("viewer", environment=staging)

    page = signed_in(viewer).get("/chain").content.decode()

    assert "staging" in page
    assert "development" not in page and "production" not in page
    told = clients.rest(viewer).get("/api/v1/events").content.decode()
    assert "chain.created" in told and "production" not in told
