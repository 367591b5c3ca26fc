"""Probes really ask: a PostgreSQL, a Valkey and HTTP servers that let in whoever knows the credential alone."""

import json
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from django.conf import settings as installed
from django.db import connection

from environments.configuration import (
    catalogue,
    entries,
    integrations,
    probes,
    probing,
    secrets,
    setting,
    stores,
    variables,
)
from environments.configuration.entries import Kept
from environments.configuration.probing import Probe
from environments.models import Integration, IntegrationType
from environments.resolving.scopes import Scope
from projects import limits
from projects.credentials import Secret
from projects.errors import Invalid, NotAllowed, NotFound
from projects.models import Event
from tests.environments.house import House
from tests.environments.house import house as new_house
from tests.patience import patience

TOKEN = "planted-token"
WELL = Probe("", "")

pytestmark = pytest.mark.django_db


@pytest.fixture
def house(settings: Any) -> House:
    settings.EGRESS_ALLOW = "127.0.0.0/8"
    house = new_house()
    house.environment("lagoon")
    return house


def probed(house: House, type: str, settings: dict[str, Any], *, value: str = TOKEN, name: str = "one") -> Probe:
    """What a probe of a new integration says, whose credential is this."""
    place = house.owner.organization.environments.get(name="lagoon")
    credentials = {field.name: "CREDENTIAL" for field in catalogue.CATALOGUE[IntegrationType(type)].credentials}
    setting.put(Scope(environment=place), by=house.owner, key="CREDENTIAL", kind="secret", value=value)
    made = integrations.create(by=house.owner, name=name, type=type, settings=settings, secrets=credentials)
    told = probing.probe(made, by=house.owner, environment=place)
    kept = Integration.objects.get(pk=made.pk)
    assert (kept.probe_code, kept.probe_error, kept.connected) == (told.code, told.error, not told.code)
    assert kept.probed_at and kept.probed_in == place and value not in told.error
    made.delete()
    return told


@contextmanager
def answering(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """The address of a server that answers every GET and POST so."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with suppress(OSError):
                answer(self)

        do_POST = do_GET

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


def say(handler: BaseHTTPRequestHandler, status: int, body: Any = None, **headers: str) -> None:
    text = json.dumps(body).encode()
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(text)))
    handler.end_headers()
    handler.wfile.write(text)


SERVICES: dict[str, tuple[str, str, dict[str, Any]]] = {
    # What is asked, by which header, and what such a service answers to whom it lets in.
    "github": ("GET /api/v3/rate_limit", "Authorization", {"resources": {"core": {}}}),
    "gitlab": ("GET /git/api/v4/personal_access_tokens/self", "PRIVATE-TOKEN", {"id": 7, "active": True}),
    "slack": ("POST /api/auth.test", "Authorization", {"ok": True, "team": "x"}),
    "http": ("GET /base/health", "Authorization", {}),
}
SAID = {
    "github": lambda at: {"api_url": f"{at}/api/v3"},
    "gitlab": lambda at: {"url": f"{at}/git"},
    "slack": lambda at: {"api_url": f"{at}/api"},
    "http": lambda at: {"url": f"{at}/base", "prefix": "X", "probe_path": "/health"},
}


@pytest.mark.parametrize("type", SERVICES)
def test_an_http_service_is_asked_with_the_credential_and_believed(house: House, type: str) -> None:
    line, header, body = SERVICES[type]

    def answer(handler: BaseHTTPRequestHandler) -> None:
        known = handler.headers[header] in {TOKEN, f"Bearer {TOKEN}"}
        asked = f"{handler.command} {handler.path}" == line
        say(handler, (200 if asked else 404) if known else 401, body if known else {"echo": handler.headers[header]})

    with answering(answer) as at:
        assert probed(house, type, SAID[type](at)) == WELL
        refused = probed(house, type, SAID[type](at), value="another")
        assert refused == Probe("refused", "one says no: it answers 401 to this credential.")
        assert probed(house, type, SAID[type](at), value="two\nlines").code == "no-value"
        elsewhere = probed(house, type, {**SAID[type](at), **({"probe_path": "/x"} if type == "http" else {})})
        assert elsewhere == WELL or elsewhere.error == "one answers 404."


@pytest.mark.parametrize(
    ("type", "status", "body", "code", "words"),
    [
        ("github", 200, {"hello": 1}, "unreachable", "answers what is no answer of GitHub"),
        ("github", 200, "text", "unreachable", "answers 200 at /rate_limit, which is no answer of such a service"),
        ("github", 404, {"message": "Rate limiting is not enabled."}, "", ""),
        ("github", 503, {}, "unreachable", "answers 503 at /rate_limit"),
        ("github", 429, {}, "refused", "is asked too often"),
        ("github", 302, {}, "refused", "leads elsewhere"),
        ("gitlab", 200, {"active": False}, "refused", "says that the token is not active"),
        ("slack", 200, {"ok": False, "error": "invalid_auth"}, "refused", "says no: invalid_auth"),
        ("slack", 200, {"ok": False, "error": TOKEN}, "refused", "says no: an error"),
        ("http", 500, {}, "unreachable", "answers 500"),
        ("http", 403, {}, "refused", "says no"),
    ],
)
def test_what_a_service_answers_otherwise_is_told_in_our_words(
    house: House, type: str, status: int, body: Any, code: str, words: str
) -> None:
    asked: list[str] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        say(handler, status, body, Location="/elsewhere")

    with answering(answer) as at:
        told = probed(house, type, SAID[type](at))
    assert told.code == code and words in told.error and len(asked) == 1


def test_an_answer_that_comes_drop_by_drop_is_not_waited_for(house: House) -> None:
    over = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        while not over.wait(0.5):
            handler.wfile.write(b" ")

    with answering(drip) as at:
        begun = time.monotonic()
        assert probed(house, "http", {"url": at, "prefix": "X"}).error == "one does not answer in time."
        assert time.monotonic() - begun < patience(probes.ANSWER + 2)
        over.set()


def _drops(one: socket.socket) -> None:
    """An answer without an end, whatever it is that is asked."""
    one.recv(4096)
    while True:
        one.sendall(b"+")
        time.sleep(0.1)


def _silence(one: socket.socket) -> None:
    """A PostgreSQL that lets everybody in, and then says no more."""
    one.recv(4096)
    one.sendall(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I")
    while one.recv(4096):
        pass


@pytest.mark.parametrize(("type", "answer"), [("http", _drops), ("redis", _drops), ("postgresql", _silence)])
def test_what_nobody_waits_for_any_more_ends(
    house: House, monkeypatch: pytest.MonkeyPatch, type: str, answer: Callable[[socket.socket], None]
) -> None:
    monkeypatch.setattr(probes, "ANSWER", 1.0)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                answer(self.request)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        host, port = server.server_address[:2]
        said: dict[str, Any] = {
            "http": {"url": f"http://{host}:{port}", "prefix": "X"},
            "redis": {"host": host, "port": str(port)},
            "postgresql": {"host": host, "port": str(port), "database": "x", "user": "x", "sslmode": "disable"},
        }[type]
        assert probed(house, type, said).error == "one does not answer in time."
        until = time.monotonic() + patience(2)
        while asking := [one for one in threading.enumerate() if one.name == "integration"]:
            assert time.monotonic() < until, asking
            time.sleep(0.05)
        server.shutdown()


def test_a_password_is_not_told_itself_to_whoever_shows_any_certificate(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}

    def connect(**more: Any) -> None:
        given.update(more)
        raise probes.psycopg.OperationalError('auth method "password" requirement failed: server requested it')

    monkeypatch.setattr("environments.configuration.probes.psycopg.connect", connect)
    probed(house, "postgresql", database(sslmode="require"))
    assert given["require_auth"] is None and given["options"] == "", "an operator answers for this network"
    monkeypatch.setattr("environments.egress.is_named", lambda _: False)
    monkeypatch.setattr("environments.egress.allowed", lambda _: True)
    assert "asks for the password itself" in probed(house, "postgresql", database(sslmode="require")).error
    assert given["require_auth"] == "!password"
    probed(house, "postgresql", database(sslmode="verify-full"))
    assert given["require_auth"] is None


def test_nobody_probes_without_end_nor_is_asked_for_a_reason_that_is_refused(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr("environments.configuration.probes.ask", lambda *_: asked.append(1))
    made = integrations.create(by=house.owner, name="one", type="redis", settings={"host": "127.0.0.1", "port": "9"})
    with pytest.raises(Invalid):
        probing.probe(made, by=house.owner.because("x" * 10_000))
    assert asked == []

    monkeypatch.setattr(probing, "MOST", 2)
    monkeypatch.setattr(probing, "SECONDS", 100_000_000)
    for _ in range(2):
        probing.probe(made, by=house.owner)
    with pytest.raises(limits.TooMany, match="Too many attempts"):
        probing.probe(made, by=house.owner)
    probing.probe(made, by=house.person("operator"))
    assert len(asked) == 3


@pytest.mark.parametrize("type", IntegrationType.values)
def test_what_is_not_there_does_not_answer_and_what_is_out_of_bounds_is_not_asked(
    house: House, type: str, settings: Any
) -> None:
    said: dict[str, Any] = {
        "github": {"api_url": "http://127.0.0.1:9"},
        "gitlab": {"url": "http://127.0.0.1:9"},
        "slack": {"api_url": "http://127.0.0.1:9"},
        "http": {"url": "http://127.0.0.1:9", "prefix": "X"},
        "postgresql": {"host": "127.0.0.1", "port": "9", "database": "x", "user": "x"},
        "redis": {"host": "127.0.0.1", "port": "9"},
    }[type]
    assert probed(house, type, said) == Probe("unreachable", "one does not answer.")

    settings.EGRESS_ALLOW = ""
    told = probed(house, type, said)
    assert told.code == "unreachable" and "127.0.0.1, a private or special address" in told.error


@pytest.mark.parametrize("type", ["http", "redis"])
def test_no_credential_is_sent_in_the_open_to_where_no_operator_allows_it(
    house: House, type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("environments.egress.is_named", lambda _: False)
    monkeypatch.setattr("environments.egress.allowed", lambda _: True)
    said = {"http": {"url": "http://127.0.0.1:9", "prefix": "X"}, "redis": {"host": "127.0.0.1", "port": "9"}}[type]

    assert "cannot be asked without encryption" in probed(house, type, said).error


def database(**more: Any) -> dict[str, Any]:
    kept = installed.DATABASES["default"]
    return {
        "host": "127.0.0.1", "port": str(kept["PORT"]), "database": connection.settings_dict["NAME"],
        "user": kept["USER"],
    } | more  # fmt: skip


def test_a_real_postgresql_lets_in_whoever_knows_the_password(house: House) -> None:
    password = installed.DATABASES["default"]["PASSWORD"]

    assert probed(house, "postgresql", database(), value=password) == WELL
    assert probed(house, "postgresql", database(sslmode="disable"), value=password) == WELL
    assert probed(house, "postgresql", database()) == Probe("refused", "one does not take the user and the password.")
    assert probed(house, "postgresql", database(database="nowhere"), value=password).error == (
        "one has no such database."
    )
    assert probed(house, "postgresql", database(user="nobody-here")).code == "refused"
    told = probed(house, "postgresql", database(sslmode="require"), value=password)
    assert told == Probe("unreachable", "one does not agree on how the connection is encrypted.")


def test_a_password_crosses_no_foreign_network_in_the_open(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("environments.egress.is_named", lambda _: False)
    monkeypatch.setattr("environments.egress.allowed", lambda _: True)
    password = installed.DATABASES["default"]["PASSWORD"]

    told = probed(house, "postgresql", database(sslmode="disable"), value=password)

    assert told == Probe("unreachable", "one does not agree on how the connection is encrypted.")


@pytest.fixture
def valkey() -> Iterator[redis.Redis]:
    """The tests' own, with a user that has a password."""
    client = redis.Redis.from_url(installed.REDIS_URL)
    client.execute_command("ACL", "SETUSER", "prober", "reset", "on", f">{TOKEN}", "+ping", "+select", "+client")
    yield client
    client.execute_command("ACL", "DELUSER", "prober")


def test_a_real_valkey_lets_in_whoever_knows_the_password(house: House, valkey: redis.Redis) -> None:
    parts = urlsplit(installed.REDIS_URL)
    said = {"host": "127.0.0.1", "port": str(parts.port), "username": "prober"}

    assert probed(house, "redis", said) == WELL
    assert probed(house, "redis", said | {"database": "1"}) == WELL
    wrong = Probe("refused", "one does not take the user and the password.")
    assert probed(house, "redis", said, value="another") == wrong
    assert probed(house, "redis", said | {"username": "nobody"}) == wrong
    assert probed(house, "redis", said | {"database": "9999"}).error == "one has no such database."
    assert probed(house, "redis", said | {"tls": "true"}).code == "unreachable"
    assert probed(house, "postgresql", database(port=str(parts.port))).code == "unreachable"


def test_one_without_a_password_is_asked_without(house: House, valkey: redis.Redis) -> None:
    valkey.execute_command("ACL", "SETUSER", "prober", "reset", "on", "nopass", "+ping", "+select", "+client")
    said = {"host": "127.0.0.1", "port": str(urlsplit(installed.REDIS_URL).port)}
    made = integrations.create(by=house.owner, name="open", type="redis", settings=said | {"username": "prober"})
    assert probing.probe(made, by=house.owner) == WELL

    made = integrations.update(made, by=house.owner, settings=said)
    assert probing.probe(made, by=house.owner).error == "open does not take the user and the password."


@contextmanager
def encrypting(port: int, directory: Path) -> Iterator[tuple[int, Path]]:
    """The port of a server that speaks TLS for localhost before the one at `port`, and the file of who vouches."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(datetime.now(UTC) - timedelta(days=1))
    made = made.not_valid_after(datetime.now(UTC) + timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    authority, private = directory / "ca.pem", directory / "key.pem"
    authority.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority, private)

    def carry(one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while piece := one.recv(4096):
                other.sendall(piece)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with (
                suppress(OSError),
                context.wrap_socket(self.request, server_side=True) as outside,
                socket.create_connection(("127.0.0.1", port)) as inside,
            ):
                threading.Thread(target=carry, args=(inside, outside), daemon=True).start()
                carry(outside, inside)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], authority
        server.shutdown()


def test_a_certificate_is_judged_by_the_name_that_was_meant_at_the_address_that_was_checked(
    house: House, valkey: redis.Redis, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EGRESS_ALLOW = "127.0.0.0/8, ::1"
    real = socket.getaddrinfo
    monkeypatch.setattr(
        "environments.egress.socket.getaddrinfo",
        lambda host, *args, **more: real("127.0.0.1" if host == "localhost" else host, *args, **more),
    )
    behind = urlsplit(installed.REDIS_URL).port
    assert behind
    with encrypting(behind, tmp_path) as (port, authority):
        said = {"host": "localhost", "port": str(port), "username": "prober", "tls": "true"}
        untrusted = Probe("unreachable", "one shows a certificate that is not trusted here.")
        assert probed(house, "redis", said) == untrusted
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        assert probed(house, "redis", said) == WELL
        assert probed(house, "redis", said | {"host": "127.0.0.1"}) == untrusted
        assert probed(house, "redis", said, value="another").code == "refused"


def test_a_secret_that_is_missing_or_none_is_told_and_nobody_is_asked(house: House) -> None:
    place = house.owner.organization.environments.get(name="lagoon")
    made = integrations.create(
        by=house.owner, name="one", type="github", settings={"api_url": "http://127.0.0.1:9"}, secrets={"token": "T"}
    )

    def told() -> str:
        probe = probing.probe(made, by=house.owner, environment=place)
        assert probe.code == "no-value"
        return probe.error

    assert told() == "one was not asked: T is set nowhere in that environment."
    plain = variables.create(Scope(environment=place), by=house.owner, key="T", value="x")
    assert told() == "one was not asked: T is a variable there, and no secret."
    entries.delete(plain, by=house.owner)
    store = stores.create(
        by=house.owner, name="vault", address="https://127.0.0.1:9", auth="token", credentials={"token": Secret("x")}
    )
    secrets.create(Scope(environment=place), by=house.owner, key="T", value=Kept(store=store, path="a", field="b"))
    assert told() == "one was not asked: T has no value: the secret store vault does not answer."


def test_who_may_use_the_secrets_of_an_environment_may_ask_with_them(house: House) -> None:
    place = house.owner.organization.environments.get(name="lagoon")
    made = integrations.create(by=house.owner, name="one", type="redis", settings={"host": "127.0.0.1", "port": "9"})
    other = house.environment("other")

    probing.probe(made, by=house.person("operator", environment=place), environment=place)
    with pytest.raises(NotAllowed):
        probing.probe(made, by=house.person("viewer"), environment=place)
    with pytest.raises(NotFound):
        probing.probe(made, by=house.person("operator", environment=place), environment=other)
    event = Event.objects.filter(kind="integration.probed").latest("number")
    assert event.environment_id == place.pk and event.data["outcome"] == "does not answer as it should"


def test_what_was_changed_while_it_was_asked_is_not_told_of(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    made = integrations.create(by=house.owner, name="one", type="redis", settings={"host": "127.0.0.1", "port": "9"})

    def meanwhile(*_: Any) -> None:
        integrations.update(Integration.objects.get(), by=house.owner, settings={"host": "127.0.0.2"})

    monkeypatch.setattr("environments.configuration.probes.ask", meanwhile)
    probing.probe(made, by=house.owner)

    assert Integration.objects.get().probed_at is None and not Event.objects.filter(kind="integration.probed").exists()


def test_a_probe_forgets_what_it_said_before_once_the_integration_is_changed(house: House) -> None:
    made = integrations.create(by=house.owner, name="one", type="redis", settings={"host": "127.0.0.1", "port": "9"})
    probing.probe(made, by=house.owner)
    renamed = integrations.update(made, by=house.owner, name="two")
    assert renamed.probed_at
    changed = integrations.update(renamed, by=house.owner, settings={"host": "127.0.0.2"})
    assert (changed.probed_at, changed.probe_code, changed.probe_error, changed.probed_in) == (None, "", "", None)


def test_every_type_is_asked() -> None:
    assert set(probes.PROBES) == set(IntegrationType)
