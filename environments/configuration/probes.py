"""How each type of integration is asked whether it lets in whoever knows its credentials: really, and never for long.

What goes wrong is told in our own words: theirs may repeat what they were asked with.
"""

import os
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Any

import psycopg
import redis
import requests

from environments.models import Integration, IntegrationType
from environments.resolving import outgoing
from environments.resolving.remembering import Asking, Unanswered
from projects.credentials import Secret

# Seconds: to connect, to wait for what comes next, and for the whole answer.
CONNECT, READ, ANSWER = 3.0, 5.0, 8.0
# Questions to one integration under way at once, also those that nobody waits for any more.
MOST_UNANSWERED = 2
_asking = Asking("integration", most=MOST_UNANSWERED)
Secrets = Mapping[str, Secret]


class Trouble(Exception):
    """`code` is unreachable, refused or no-value; the message is the rest of a sentence about the integration."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def ask(integration: Integration, secrets: Secrets) -> None:
    """Ask it with these credentials, by their names in the catalogue; Trouble where it does not answer as it should."""
    question, settings = PROBES[IntegrationType(integration.type)], dict(integration.settings)
    line = outgoing.Line()
    try:
        # Whatever happens there, nobody waits longer: not for a name that is never looked up, nor for drop after drop.
        return _asking.in_time(integration.pk, lambda: question(settings, secrets, line), seconds=ANSWER)
    except Unanswered:
        trouble = Trouble("unreachable", "has not answered what it was asked before")
    except Exception as error:
        trouble = _told(error)
    finally:
        line.cut()  # what nobody waits for any more ends
    raise trouble  # where none of what it was asked with is in sight


def _told(error: Exception) -> Trouble:
    if isinstance(error, Trouble):
        return Trouble(error.code, str(error))
    if isinstance(error, outgoing.Unasked):
        return Trouble("unreachable", str(error))
    if isinstance(error, requests.exceptions.SSLError) or isinstance(error.__context__, ssl.SSLError):
        return Trouble("unreachable", "shows a certificate that is not trusted here")
    if isinstance(error, TimeoutError | requests.exceptions.Timeout | redis.TimeoutError):
        return Trouble("unreachable", "does not answer in time")
    if isinstance(error, redis.AuthenticationError):
        return Trouble("refused", "does not take the user and the password")
    if isinstance(error, redis.ResponseError):
        return _redis_says(str(error))
    if isinstance(error, psycopg.Error):
        return _postgresql_says(error)
    if isinstance(error, requests.exceptions.ConnectionError | redis.RedisError | OSError):
        return Trouble("unreachable", "does not answer")
    return Trouble("unreachable", "answers what is no answer of such a service")


def _http(url: str, line: outgoing.Line, *, method: str = "GET", **headers: str) -> requests.Response:
    """The answer, if it is one of somebody who was let in. No redirection is followed with a credential in hand."""
    told = {"User-Agent": "towpath", "Accept": "application/json", **headers}
    with outgoing.session(url, line) as session:
        answer = session.request(method, url, headers=told, timeout=(CONNECT, READ), allow_redirects=False)
    if answer.status_code in {401, 403}:
        raise Trouble("refused", f"says no: it answers {answer.status_code} to this credential")
    if 300 <= answer.status_code < 400:
        raise Trouble("refused", "leads elsewhere: give the address that answers itself")
    if answer.status_code == 429:
        raise Trouble("refused", "is asked too often by whoever has this credential")
    return answer


def _object(answer: requests.Response, path: str) -> dict[str, Any]:
    """The JSON object that such a service answers there."""
    try:
        found = answer.json()
    except ValueError:
        found = None
    if answer.status_code != 200 or not isinstance(found, dict):
        raise Trouble("unreachable", f"answers {answer.status_code} at {path}, which is no answer of such a service")
    return found


def _sent(secret: Secret) -> str:
    """What a header can carry; Trouble for what it cannot, before anybody repeats it."""
    value = secret.reveal()
    if not value.isascii() or not value.isprintable():
        raise Trouble("no-value", "was not asked: its credential is more than one line of plain ASCII")
    return value


def _github(settings: Mapping[str, str], secrets: Secrets, line: outgoing.Line) -> None:
    answer = _http(f"{settings['api_url']}/rate_limit", line, Authorization=f"Bearer {_sent(secrets['token'])}")
    if answer.status_code == 404 and b"Rate limiting is not enabled" in answer.content:
        return  # an Enterprise Server without limits: it has read the token, or it would have said 401
    if "resources" not in _object(answer, "/rate_limit"):
        raise Trouble("unreachable", "answers what is no answer of GitHub")


def _gitlab(settings: Mapping[str, str], secrets: Secrets, line: outgoing.Line) -> None:
    path = "/api/v4/personal_access_tokens/self"
    answer = _http(f"{settings['url']}{path}", line, **{"PRIVATE-TOKEN": _sent(secrets["token"])})
    if _object(answer, path).get("active") is not True:
        raise Trouble("refused", "says that the token is not active")


def _slack(settings: Mapping[str, str], secrets: Secrets, line: outgoing.Line) -> None:
    bearer = f"Bearer {_sent(secrets['token'])}"
    answer = _http(f"{settings['api_url']}/auth.test", line, method="POST", Authorization=bearer)
    found = _object(answer, "/auth.test")
    if found.get("ok") is not True:
        known = {"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "ratelimited"}
        why = found.get("error") if found.get("error") in known else "an error"
        raise Trouble("refused", f"says no: {why}")


def _any_http(settings: Mapping[str, str], secrets: Secrets, line: outgoing.Line) -> None:
    bearer = {"Authorization": f"Bearer {_sent(secrets['token'])}"} if "token" in secrets else {}
    answer = _http(settings["url"] + settings.get("probe_path", ""), line, Accept="*/*", **bearer)
    if answer.status_code >= 300:
        raise Trouble("unreachable", f"answers {answer.status_code}")


def _postgresql(settings: Mapping[str, str], secrets: Secrets, line: outgoing.Line) -> None:
    """With nothing of this machine: no password file, no options, no certificate of ours. (libpq has no way to pass by
    PGSERVICE; the address and all that matters here are given, so that a service cannot change them.)"""
    port, mode = int(settings["port"]), settings["sslmode"]
    strong = mode in {"require", "verify-full"}
    found = outgoing.destination(settings["host"], port, encrypted=True)
    near = outgoing.is_near(found)
    if not strong and not near:
        mode = "require"
    with psycopg.connect(
        host=found.host,
        hostaddr=found.address,
        port=port,
        dbname=settings["database"],
        user=settings["user"],
        password=secrets["password"].reveal(),
        sslmode=mode,
        sslrootcert=outgoing.authorities() or "system" if mode == "verify-full" else "",
        sslcertmode="disable",
        gssencmode="disable",
        passfile=os.devnull,
        connect_timeout=int(CONNECT),
        options="",
        # Whoever shows any certificate is not told the password itself.
        require_auth=None if near or mode == "verify-full" else "!password",
        application_name="towpath probe",
        autocommit=True,
    ) as connection:
        with socket.socket(fileno=os.dup(connection.pgconn.socket)) as held:
            line.hold(held)
        connection.execute("SELECT 1")


def _postgresql_says(error: psycopg.Error) -> Trouble:
    said = str(error).lower()
    if "password authentication failed" in said or "no password supplied" in said:
        return Trouble("refused", "does not take the user and the password")
    if "does not exist" in said and "database" in said:
        return Trouble("refused", "has no such database")
    if "does not exist" in said and "role" in said:
        return Trouble("refused", "has no such user")
    if "requirement failed" in said:
        return Trouble("refused", "asks for the password itself: choose verify-full, so that it is known who asks")
    if "pg_hba" in said or "permission denied" in said:
        return Trouble("refused", "does not let this user in from here")
    if "too many" in said or "remaining connection slots" in said:
        return Trouble("refused", "has no connection left")
    if "ssl" in said or "certificate" in said:
        return Trouble("unreachable", "does not agree on how the connection is encrypted")
    if "timeout" in said or "timed out" in said:
        return Trouble("unreachable", "does not answer in time")
    return Trouble("unreachable", "does not answer")


class _Pinned(redis.Connection):
    """Connects to the address that was checked."""

    def __init__(self, *, address: str, line: outgoing.Line, **more: Any) -> None:
        super().__init__(**more)  # type: ignore[no-untyped-call]  # the library has no types here
        self.address, self.line = address, line

    def _connect(self) -> socket.socket:
        return self.line.hold(socket.create_connection((self.address, int(self.port)), timeout=CONNECT))


class _PinnedTLS(redis.SSLConnection, _Pinned):
    """The certificate is judged by the name that was meant."""


def _redis(settings: Mapping[str, str], secrets: Secrets, line: outgoing.Line) -> None:
    port, encrypted = int(settings["port"]), settings["tls"] == "true"
    # What has no password to be read on the way may be asked in the open.
    found = outgoing.destination(settings["host"], port, encrypted=encrypted or "password" not in secrets)
    trusted: dict[str, Any] = (
        {"ssl_ca_certs": outgoing.authorities() or None, "ssl_cert_reqs": "required", "ssl_check_hostname": True}
        if encrypted
        else {}
    )
    pool = redis.ConnectionPool(
        connection_class=_PinnedTLS if encrypted else _Pinned,
        address=found.address,
        line=line,
        host=found.host,
        port=port,
        db=int(settings["database"]),
        username=settings.get("username") or None,
        password=secrets["password"].reveal() if "password" in secrets else None,
        socket_timeout=READ,
        socket_connect_timeout=CONNECT,
        **trusted,
    )
    try:
        redis.Redis(connection_pool=pool).ping()
    finally:
        pool.disconnect()


def _redis_says(said: str) -> Trouble:
    word = said.partition(" ")[0]
    if word in {"NOAUTH", "WRONGPASS", "NOPERM"} or "invalid password" in said.lower():
        return Trouble("refused", "does not take the user and the password")
    if "db index" in said.lower():
        return Trouble("refused", "has no such database")
    return Trouble("refused", "says no")


PROBES: dict[IntegrationType, Callable[[Mapping[str, str], Secrets, outgoing.Line], None]] = {
    IntegrationType.GITHUB: _github,
    IntegrationType.GITLAB: _gitlab,
    IntegrationType.SLACK: _slack,
    IntegrationType.HTTP: _any_http,
    IntegrationType.POSTGRESQL: _postgresql,
    IntegrationType.REDIS: _redis,
}
