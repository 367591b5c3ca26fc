"""Secrets that lie in a store elsewhere are read when they are needed, and what goes wrong there is told by name."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from environments.configuration import secrets, stores, variables
from environments.configuration.entries import Kept
from environments.configuration.stores import InUse, NameTaken
from environments.delivery import deployments
from environments.doing import assignments
from environments.models import Entry, EntryVersion, Run, SecretStore
from environments.planning import plans
from environments.resolving import pins, resolution, vaults
from environments.resolving.problems import Unresolvable
from environments.resolving.resolution import Target
from environments.resolving.scopes import Scope
from projects.credentials import Secret
from projects.errors import Invalid, NotAllowed, NotFound
from projects.models import Event
from tests.environments import bao as servers
from tests.environments.bao import ROOT, Bao
from tests.environments.line import Line, line
from tests.environments.test_pins import gate_of
from tests.patience import patience
from tests.shared import built_once, fresh

pytestmark = pytest.mark.django_db
NOWHERE = "https://bao.example.org:8200"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    yield from servers.running(tmp_path_factory.mktemp("bao"))


@pytest.fixture
def bao(shared: Bao, settings: Any) -> Bao:
    settings.EGRESS_ALLOW = "127.0.0.0/8"
    shared.put("shop/database", password="from-the-store", port=5432)
    return shared


@pytest.fixture
def own(tmp_path: Path, settings: Any) -> Iterator[Bao]:
    """One that a test may spoil."""
    settings.EGRESS_ALLOW = "127.0.0.0/8"
    yield from servers.running(tmp_path)


built = built_once(line)


@pytest.fixture
def road(built: Line) -> Line:
    return fresh(built)


def store(road: Line, address: str, *, token: str = ROOT, name: str = "vault", **more: Any) -> SecretStore:
    given = {"auth": "token", "credentials": {"token": Secret(token)}} | more
    return stores.create(by=road.owner, name=name, address=address, **given)


def keep(
    road: Line, where: SecretStore, key: str = "PASSWORD", *, path: str = "shop/database", field: str = "password"
) -> Entry:
    kept = Kept(store=where, path=path, field=field)
    return secrets.create(Scope(environment=road.development), by=road.owner, key=key, value=kept)


def resolved(road: Line) -> resolution.Resolution:
    return resolution.resolve(Target(organization_id=road.owner.organization.pk, environment_id=road.development.pk))


def trouble(road: Line) -> tuple[str, str]:
    """Of the one key that has no value."""
    with pytest.raises(Unresolvable) as refusal:
        resolved(road).environ()
    (error,) = refusal.value.errors
    return error["code"], error["message"]


def test_a_secret_is_read_from_a_store_by_token_and_by_approle(road: Line, bao: Bao) -> None:
    by_token = store(road, bao.address, token=bao.token())
    by_role = store(
        road, bao.address, name="by-role", auth="approle",
        credentials={name: Secret(value) for name, value in bao.approle().items()},
    )  # fmt: skip
    keep(road, by_token, "PASSWORD")
    keep(road, by_role, "ALSO")
    keep(road, by_role, "DATABASE_PORT", field="port")
    variables.create(
        Scope(environment=road.development), by=road.owner, key="URL", value="x://me:{{.secret.PASSWORD}}@db"
    )

    found = resolved(road)

    values = found.environ()
    assert values == {
        "PASSWORD": "from-the-store", "ALSO": "from-the-store", "DATABASE_PORT": "5432",
        "URL": "x://me:from-the-store@db",
    }  # fmt: skip
    assert found.masked == set(values) and {"from-the-store", "x://me:from-the-store@db"} <= set(found.masks(values))
    assert secrets.reveal(Entry.objects.get(key="ALSO"), by=road.owner).reveal() == "from-the-store"
    assert stores.probe(by_role, by=road.owner) == stores.probe(by_token, by=road.owner) == stores.Probe("", "")


def test_what_was_read_is_remembered_for_a_moment_and_never_kept_here(road: Line, bao: Bao) -> None:
    entry = keep(road, store(road, bao.address))
    assert resolved(road).environ() == {"PASSWORD": "from-the-store"}
    bao.put("shop/database", password="rotated")

    assert resolved(road).environ() == {"PASSWORD": "from-the-store"}

    vaults._values.forget((entry.current_id, mark()))
    assert resolved(road).environ() == {"PASSWORD": "rotated"}
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM environments_entryversion v WHERE v::text LIKE '%%from-the-store%%'")
        assert cursor.fetchone() == (0,)
    assert ROOT.encode() not in bytes(SecretStore.objects.get().credentials)


def mark() -> Any:
    one = SecretStore.objects.get()
    return one.pk, one.updated_at


def test_nothing_is_asked_of_a_store_where_only_masked_values_are_shown(road: Line) -> None:
    keep(road, store(road, NOWHERE))

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a store was asked")

    found = resolved(road)
    found.reader.read = refuse  # type: ignore[method-assign]
    assert found.masked == {"PASSWORD"} and not found.problems and pins.of(found) and found.trace("PASSWORD")


def test_a_store_costs_one_statement_more_however_many_secrets_lie_there(road: Line, bao: Bao) -> None:
    where = store(road, bao.address)
    for number in range(12):
        keep(road, where, f"KEY_{number}")

    with CaptureQueriesContext(connection) as asked:
        assert set(resolved(road).environ().values()) == {"from-the-store"}

    assert len(asked) == 3  # values, data key, stores


@pytest.mark.parametrize(
    ("path", "field", "sentence"),
    [
        ("shop/nothing", "password", "the secret store vault has nothing at shop/nothing."),
        ("shop/database", "user", "the secret store vault has no field user at shop/database."),
    ],
)
def test_a_path_or_a_field_that_is_not_there_is_told_as_missing(
    road: Line, bao: Bao, path: str, field: str, sentence: str
) -> None:
    keep(road, store(road, bao.address), path=path, field=field)

    assert trouble(road) == ("store-missing", sentence)


def test_a_wrong_token_and_a_path_beyond_its_rights_are_refused(road: Line, bao: Bao) -> None:
    bao.put("other/thing", password="x")
    keep(road, store(road, bao.address, token="wrong"))
    assert trouble(road)[0] == "store-refused"

    where = SecretStore.objects.get()
    stores.update(where, by=road.owner, credentials={"token": Secret(bao.token())})
    assert resolved(road).environ() == {"PASSWORD": "from-the-store"}, "the new token is used at once"

    keep(road, where, "OTHER", path="other/thing")
    assert trouble(road) == (
        "store-refused",
        "the secret store vault says no: its credentials here do not let that be read.",
    )
    assert "OTHER has no value" in _refusal(road)


def _refusal(road: Line) -> str:
    with pytest.raises(Unresolvable) as refusal:
        resolved(road).environ()
    return refusal.value.detail


def test_wrong_credentials_of_an_approle_are_refused(road: Line, bao: Bao) -> None:
    role = bao.approle() | {"secret_id": "00000000-0000-0000-0000-000000000000"}
    keep(road, store(road, bao.address, auth="approle", credentials={k: Secret(v) for k, v in role.items()}))

    assert trouble(road) == ("store-refused", "the secret store vault does not take the AppRole's credentials.")


def test_a_session_of_an_approle_that_was_ended_there_is_signed_in_anew(road: Line, bao: Bao) -> None:
    where = store(road, bao.address, auth="approle", credentials={k: Secret(v) for k, v in bao.approle().items()})
    keep(road, where)
    resolved(road).environ()
    session = vaults._sessions.get((where.pk, where.updated_at))
    assert session is not None
    bao.client.auth.token.revoke(session.reveal())
    keep(road, where, "MORE")

    assert set(resolved(road).environ()) == {"PASSWORD", "MORE"}


def test_a_sealed_store_blocks_a_plan_and_ends_a_claim_by_name(road: Line, own: Bao) -> None:
    own.put("shop/database", password="x")
    entry = keep(road, store(road, own.address))
    plan = plans.propose(by=road.owner, release=road.v1, environment=road.development)
    assert not plan.blocked
    deployment = deployments.carry_out(plan, by=road.owner)
    vaults._values.forget((entry.current_id, mark()))
    own.seal()

    assert trouble(road) == ("store-sealed", "the secret store vault is sealed.")
    answer = assignments.take(road.house.workers[road.development.id], "first")

    assert answer["run"] is None
    run = Run.objects.get(deployment=deployment)
    assert (run.phase, run.reason) == ("errored", "PASSWORD has no value: the secret store vault is sealed.")
    again = plans.propose(by=road.owner, release=road.v1, environment=road.development)
    assert again.blocked and "PASSWORD: the secret store vault is sealed" in gate_of(again)["sentence"]
    assert stores.probe(SecretStore.objects.get(), by=road.owner).code == "store-sealed"


def test_a_frozen_store_holds_nobody_up_for_longer_than_is_said(road: Line, own: Bao) -> None:
    where = store(road, own.address)
    for number in range(20):
        keep(road, where, f"KEY_{number}", path=f"shop/{number}")
    with own.frozen():
        begun = time.monotonic()
        with pytest.raises(Unresolvable) as refusal:
            resolved(road).environ()
        first, begun = time.monotonic() - begun, time.monotonic()
        with pytest.raises(Unresolvable):
            resolved(road).environ()
        second = time.monotonic() - begun

    assert first < patience(vaults.ANSWER + 1) and second < patience(1), "one is waited for, the others are not asked"
    assert {error["code"] for error in refusal.value.errors} == {"store-unreachable"} and len(
        refusal.value.errors
    ) == 20
    assert refusal.value.errors[0]["message"] == "the secret store vault does not answer in time."


def test_a_store_that_is_not_there_or_may_not_be_asked_is_unreachable(road: Line, settings: Any) -> None:
    settings.EGRESS_ALLOW = "127.0.0.0/8"
    keep(road, where := store(road, "http://127.0.0.1:9"))
    assert trouble(road) == ("store-unreachable", "the secret store vault does not answer.")

    settings.EGRESS_ALLOW = ""
    assert "127.0.0.1, a private or special address" in stores.probe(where, by=road.owner).error
    stores.update(where, by=road.owner, address="http://192.88.99.1", credentials={"token": Secret("x")})
    assert stores.probe(SecretStore.objects.get(), by=road.owner).code == "store-unreachable"


def test_no_token_is_sent_without_encryption_to_where_no_operator_allows_it(
    road: Line, settings: Any, bao: Bao, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("environments.egress.is_named", lambda _: False)
    monkeypatch.setattr("environments.egress.allowed", lambda _: True)
    keep(road, store(road, bao.address))

    assert "cannot be asked without encryption" in trouble(road)[1]


@pytest.fixture
def encrypted(tmp_path: Path, settings: Any) -> Iterator[Bao]:
    settings.EGRESS_ALLOW = "127.0.0.0/8, ::1"
    yield from servers.running(tmp_path, encrypted=True)


def test_a_certificate_is_judged_by_the_name_that_was_meant_at_the_address_that_was_checked(
    road: Line, encrypted: Bao, monkeypatch: pytest.MonkeyPatch
) -> None:
    encrypted.put("shop/database", password="over-tls")
    where = store(road, encrypted.address)
    assert "a certificate that is not trusted" in stores.probe(where, by=road.owner).error

    monkeypatch.setenv("SSL_CERT_FILE", str(encrypted.authority))
    keep(road, where)
    assert stores.probe(where, by=road.owner) == stores.Probe("", "")
    assert resolved(road).environ() == {"PASSWORD": "over-tls"}

    # The same server under a name that is not in its certificate.
    def elsewhere(host: str, *args: Any, **more: Any) -> Any:
        return real("localhost" if host == "bao.example.org" else host, *args, **more)

    real = socket.getaddrinfo
    monkeypatch.setattr("environments.egress.socket.getaddrinfo", elsewhere)
    other = store(road, encrypted.address.replace("localhost", "bao.example.org"), name="other")
    assert "a certificate that is not trusted" in stores.probe(other, by=road.owner).error


@contextmanager
def answering(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """The address of a server that is no store, and answers every GET so."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with suppress(OSError):
                answer(self)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_an_answer_that_comes_drop_by_drop_is_not_waited_for(road: Line, settings: Any) -> None:
    settings.EGRESS_ALLOW = "127.0.0.0/8"
    over = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        while not over.wait(0.5):
            handler.wfile.write(b" ")

    with answering(drip) as address:
        keep(road, store(road, address))
        begun = time.monotonic()
        assert trouble(road) == ("store-unreachable", "the secret store vault does not answer in time.")
        assert time.monotonic() - begun < patience(vaults.ANSWER + 1)
        over.set()


def test_no_redirection_is_followed_with_a_token_in_hand(road: Line, settings: Any) -> None:
    settings.EGRESS_ALLOW = "127.0.0.0/8"
    asked: list[str] = []

    def redirect(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        handler.send_response(307)
        handler.send_header("Location", "/elsewhere")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    with answering(redirect) as address:
        keep(road, store(road, address))
        assert trouble(road) == (
            "store-unreachable",
            "the secret store vault answers what is no answer of such a store.",
        )
    assert asked == ["/v1/secret/data/shop/database"]


def test_where_a_version_lies_never_changes(road: Line) -> None:
    entry = keep(road, where := store(road, NOWHERE))
    other = store(road, NOWHERE, name="other")
    for change in ("path = 'else'", "field = 'else'", f"store_id = '{other.pk}'"):
        with (
            pytest.raises(IntegrityError, match="rows never change"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute("RESET ROLE")  # the owner, whom no grant holds back
            cursor.execute(f"UPDATE environments_entryversion SET {change} WHERE entry_id = %s", [entry.pk])
    assert EntryVersion.objects.get(entry=entry).store == where


def test_a_reference_is_restored_revoked_and_destroyed_as_any_version(road: Line, bao: Bao) -> None:
    entry = keep(road, store(road, bao.address))
    secrets.update(entry, by=road.owner, value=Secret("kept here"))
    assert resolved(road).environ() == {"PASSWORD": "kept here"}

    secrets.restore(Entry.objects.get(pk=entry.pk), 1, by=road.owner)
    assert resolved(road).environ() == {"PASSWORD": "from-the-store"}

    secrets.revoke(Entry.objects.get(pk=entry.pk), 3, by=road.owner, destroy=True)
    assert trouble(road) == ("revoked", "PASSWORD v3 is revoked.")


def test_fingerprints_compare_places_without_asking(road: Line) -> None:
    where = store(road, NOWHERE)
    one, same = keep(road, where, "ONE"), keep(road, where, "SAME")
    other = keep(road, where, "OTHER", field="user")

    assert secrets.fingerprint(one) == secrets.fingerprint(same) != secrets.fingerprint(other)


def test_only_who_manages_stores_refers_to_them_or_learns_of_them(road: Line) -> None:
    where = store(road, NOWHERE)
    operator = road.house.person("operator")
    kept = Kept(store=where, path="a", field="b")

    with pytest.raises(NotAllowed):
        secrets.create(Scope(environment=road.development), by=operator, key="A", value=kept)
    with pytest.raises(NotAllowed):
        stores.find(operator, where.pk)
    assert not stores.visible(operator).exists()
    stranger = line().owner
    with pytest.raises(NotFound):
        stores.find(stranger, where.pk)
    with pytest.raises(NotFound):
        secrets.create(Scope(), by=stranger, key="A", value=kept)


def test_a_store_is_not_deleted_while_secrets_or_what_runs_lie_there(road: Line, bao: Bao) -> None:
    where = store(road, bao.address)
    entry = keep(road, where)
    with pytest.raises(InUse, match="PASSWORD lie in vault"):
        stores.delete(where, by=road.owner)

    road.deployed(road.v1, road.development)
    secrets.update(entry, by=road.owner, value=Secret("kept here"))
    with pytest.raises(InUse):
        stores.delete(where, by=road.owner)

    road.deployed(road.v2, road.development)
    stores.delete(where, by=road.owner)

    gone = SecretStore.objects.get()
    assert gone.deleted_at and gone.credentials is None
    assert store(road, bao.address).name == "vault", "its name is free again"
    with pytest.raises(NotFound):
        secrets.restore(Entry.objects.get(pk=entry.pk), 1, by=road.owner)


def test_credentials_are_given_anew_when_they_would_be_sent_elsewhere(road: Line) -> None:
    where = store(road, NOWHERE)
    with pytest.raises(Invalid, match="given again"):
        stores.update(where, by=road.owner, address="https://evil.example.org")

    changed = stores.update(where, by=road.owner, mount="kv", name="renamed")
    assert (changed.mount, changed.name) == ("kv", "renamed")
    # A row that was tampered with opens for nobody.
    SecretStore.objects.update(address="https://evil.example.org")
    with pytest.raises(Exception, match="sealed for something else"):
        stores.probe(SecretStore.objects.get(), by=road.owner)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""), ("name", "two words"), ("address", "ftp://x"), ("address", "https://me:pw@x"),
        ("address", "https://x/v1"), ("address", "https://x:99999"), ("address", "https://"), ("mount", "../sys"),
        ("mount", "a?b"), ("namespace", "a//b"), ("auth", "userpass"),
    ],
)  # fmt: skip
def test_what_no_store_can_be_is_refused_beside_its_field(road: Line, field: str, value: str) -> None:
    given: dict[str, Any] = {"name": "vault", "address": NOWHERE, "auth": "token", field: value}
    with pytest.raises(Invalid) as refusal:
        stores.create(by=road.owner, credentials={"token": Secret("x")}, **given)
    assert refusal.value.errors[0]["field"] == field


@pytest.mark.parametrize(
    "path", ["", "/a", "a/", "../a", "a/../b", "a?version=1", "a#b", "a%2fb", "a\\b", "a\nb", "x" * 500]
)
def test_no_path_leads_out_of_the_mount(road: Line, path: str) -> None:
    where = store(road, NOWHERE)
    with pytest.raises(Invalid):
        keep(road, where, path=path)


def test_a_name_is_taken_once_and_nothing_of_the_credentials_is_told(road: Line) -> None:
    store(road, NOWHERE, token="planted-token")
    with pytest.raises(NameTaken):
        store(road, NOWHERE, name="VAULT")

    assert "planted-token" not in str(list(Event.objects.values()))
    assert "planted-token" not in repr(vaults.reach_of(SecretStore.objects.get(), resolved(road).box))


def test_a_mount_that_is_none_of_version_2_is_told_by_the_probe(road: Line, bao: Bao) -> None:
    assert stores.probe(store(road, bao.address, mount="nothing"), by=road.owner).code in {
        "store-missing",
        "store-refused",
    }
    told = stores.probe(store(road, bao.address, name="cubby", mount="cubbyhole"), by=road.owner)
    assert told == stores.Probe(
        "store-refused", "The secret store cubby has no key-value store of version 2 at cubbyhole."
    )
    one = SecretStore.objects.get(name="cubby")
    assert one.probed_at and one.probe_error == told.error
