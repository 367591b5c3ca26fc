"""Secret stores by REST and by page: added, probed, changed and deleted, and never a credential in any answer."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from environments.configuration import secrets, stores
from environments.configuration.entries import Kept
from environments.models import Entry, EntryVersion, SecretStore
from environments.resolving.scopes import Scope
from projects.models import Event
from tests import builders
from tests.doors.visiting import html, signed_in, statements, text
from tests.environments import bao as servers
from tests.environments.bao import Bao
from tests.environments.house import House
from tests.environments.house import house as new_house

pytestmark = pytest.mark.django_db
PLANTED = "planted-credential"
GIVEN = {"name": "vault", "address": "https://127.0.0.1:9", "auth": "token", "token": PLANTED}


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    yield from servers.running(tmp_path_factory.mktemp("bao"))


@pytest.fixture
def house() -> House:
    return new_house()


@pytest.fixture
def script(house: House) -> Client:
    return builders.rest(house.owner)


@pytest.fixture
def client(house: House) -> Client:
    return signed_in(house.owner)


def sent(script: Client, method: str, path: str, body: Any = None, **headers: str) -> Any:
    return getattr(script, method)(f"/api/v1{path}", body or {}, content_type="application/json", headers=headers)


def made(script: Client, **more: Any) -> dict[str, Any]:
    answer = sent(script, "post", "/secret-stores", GIVEN | more)
    assert answer.status_code == 201, answer.content
    return answer.json()


# REST


def test_a_store_is_added_read_changed_and_deleted(script: Client) -> None:
    one = made(script)
    assert one["mount"] == "secret" and one["probe"] == {"at": None, "answers": False, "code": "", "error": ""}
    path = f"/secret-stores/{one['id']}"
    assert sent(script, "get", path).json() == one
    assert [each["id"] for each in sent(script, "get", "/secret-stores").json()] == [one["id"]]

    changed = sent(script, "patch", path, {"mount": "kv", "name": "safe"}).json()
    assert (changed["mount"], changed["name"]) == ("kv", "safe")
    refused = sent(script, "patch", path, {"address": "https://other.example.org"})
    assert refused.status_code == 422 and refused.json()["errors"][0]["field"] == "token"
    assert sent(script, "patch", path, {"address": "https://other.example.org", "token": PLANTED}).status_code == 200

    assert sent(script, "delete", path).status_code == 204
    assert sent(script, "get", path).status_code == 404 and sent(script, "get", "/secret-stores").json() == []


def test_a_probe_says_what_is_wrong_and_is_kept_with_its_time(script: Client, settings: Any, bao: Bao) -> None:
    settings.EGRESS_ALLOW = "127.0.0.0/8"
    one = made(script, address=bao.address)
    path = f"/secret-stores/{one['id']}"

    told = sent(script, "post", f"{path}/probes").json()
    assert (told["answers"], told["code"]) == (False, "store-refused") and told["at"] and "says no" in told["error"]
    assert sent(script, "get", path).json()["probe"] == told

    sent(script, "patch", path, {"token": bao.token()})
    assert sent(script, "get", path).json()["probe"]["at"] is None, "what is new was not asked yet"
    assert sent(script, "post", f"{path}/probes").json()["answers"] is True


def test_what_lies_there_keeps_a_store(house: House, script: Client) -> None:
    one = made(script)
    kept = Kept(store=SecretStore.objects.get(), path="a", field="b")
    secrets.create(Scope(), by=house.owner, key="KEY", value=kept)

    answer = sent(script, "delete", f"/secret-stores/{one['id']}")

    assert (answer.status_code, answer.json()["code"]) == (409, "in-use") and "KEY" in answer.json()["detail"]


def test_nothing_that_is_answered_or_told_holds_a_credential(script: Client, client: Client, house: House) -> None:
    one = made(script)
    script.patch("/api/v1/secret-stores/" + one["id"], {"token": PLANTED + "2"}, content_type="application/json")
    taken = sent(script, "post", "/secret-stores", GIVEN)
    assert taken.status_code == 409
    shown = [
        taken.content.decode(),
        sent(script, "get", "/secret-stores").content.decode(),
        sent(script, "post", f"/secret-stores/{one['id']}/probes").content.decode(),
        *(html(client, reverse(name, args=[one["id"]])) for name in ("secret-store", "secret-store-settings")),
        html(client, "/secret-stores"),
        str(list(Event.objects.values())),
    ]
    assert not [each for each in shown if PLANTED in each]


# Pages


def test_who_has_none_is_told_so_and_adds_one(client: Client) -> None:
    assert "There is no secret store: all secrets are sealed here." in text(html(client, "/secret-stores"))

    answer = client.post("/secret-stores/new", GIVEN | {"mount": ""}, follow=True)

    said = text(answer.content.decode())
    assert "The secret store vault cannot be asked: 127.0.0.1 is at 127.0.0.1, a private or special address" in said
    assert "Does not answer as it should" in text(html(client, "/secret-stores"))


def test_a_form_that_is_refused_says_why_and_never_repeats_a_credential(client: Client) -> None:
    answer = client.post("/secret-stores/new", GIVEN | {"address": "ftp://x"})

    assert answer.status_code == 422
    assert "Must be an address such as" in text(answer.content.decode()) or "must be an address such as" in text(
        answer.content.decode()
    )
    assert PLANTED not in answer.content.decode() and not SecretStore.objects.exists()


def test_settings_keep_the_credentials_that_are_not_given_anew(house: House, client: Client) -> None:
    client.post("/secret-stores/new", GIVEN)
    one = SecretStore.objects.get()
    address = reverse("secret-store-settings", args=[one.pk])
    given = {name: getattr(one, name) for name in stores.FIELDS} | {"version": stores.tag(one), "mount": "kv"}

    assert client.post(address, given).status_code == 302
    changed = SecretStore.objects.get()
    assert changed.mount == "kv" and bytes(changed.credentials) == bytes(one.credentials)

    stale = client.post(address, given | {"mount": "other"})
    assert stale.status_code == 409 and "Mount" in text(stale.content.decode())
    assert SecretStore.objects.get().mount == "kv"


def test_its_page_tells_what_lies_there(house: House, client: Client) -> None:
    client.post("/secret-stores/new", GIVEN)
    one = SecretStore.objects.get()
    page = reverse("secret-store", args=[one.pk])
    assert "None yet." in text(html(client, page))
    kept = Kept(store=one, path="shop/database", field="password")
    before = statements(client, page)
    for number in range(3):
        secrets.create(Scope(), by=house.owner, key=f"KEY_{number}", value=kept)

    said = text(html(client, page))

    assert "KEY_0 shop/database · password Organization" in said
    assert statements(client, page) == before


def test_a_secret_is_set_to_lie_there_by_a_form_for_the_first_time_and_again(house: House, client: Client) -> None:
    client.post("/secret-stores/new", GIVEN)
    one, place = SecretStore.objects.get(), house.environment("lagoon")
    form = reverse("secret-store-secret", args=[one.pk])
    given = {"key": "DB_PASSWORD", "path": "shop/database", "field": "password", "environment": "lagoon"}

    assert client.post(form, given).status_code == 302
    assert client.post(form, given | {"field": "other"}).status_code == 302

    entry = Entry.objects.select_related("current").get(environment=place, kind="secret")
    assert entry.current is not None
    assert (entry.current.number, entry.current.store, entry.current.field) == (2, one, "other")
    for wrong in ({"path": "../x"}, {"environment": "nowhere"}, {"key": "PATH"}):
        assert client.post(form, given | wrong).status_code == 422
    assert EntryVersion.objects.filter(store=one).count() == 2


def test_it_is_deleted_from_a_page_that_asks(client: Client) -> None:
    client.post("/secret-stores/new", GIVEN)
    one = SecretStore.objects.get()
    answer = client.post(reverse("secret-store-deletion", args=[one.pk]), follow=True)
    assert "vault is deleted." in answer.content.decode() and SecretStore.objects.get().deleted_at


def test_only_who_manages_them_has_the_way_there(house: House) -> None:
    operator = signed_in(house.person("operator"))
    assert "/secret-stores" not in html(operator, "/")
    assert operator.get("/secret-stores").status_code == 403
    assert "/secret-stores" in html(signed_in(house.person("admin")), "/")
