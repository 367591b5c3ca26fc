"""Who may speak at the workers' doors: a session, in its own environment; for anybody else there is nothing here."""

from typing import cast

from django.http import HttpRequest
from ninja.security import HttpBearer

from environments import workers
from environments.models import Worker, WorkerToken
from environments.runs import sessions
from projects import access, authentication, correlation, limits
from projects.authentication import NotAuthenticated
from projects.credentials import digest
from projects.errors import UNSEEN, NotFound, Refused
from projects.rest.bodies import ApiRequest

PROTOCOLS = {"", "1"}  # the present number and the one before; absent means the present one
REQUESTS = 3000
WINDOW = 60


class UnknownProtocol(Refused):
    code = "unknown-protocol"
    title = "Unknown protocol"
    http_status = 400


class WorkerRequest(ApiRequest):
    worker: Worker
    worker_token: WorkerToken


class SessionAuth(HttpBearer):
    """`ending` doors stay open while the environment is terminated, so that a worker can put its affairs in order."""

    def __init__(self, *, ending: bool = False) -> None:
        super().__init__()
        self.ending = ending

    def __call__(self, request: HttpRequest) -> Worker:
        known: Worker | None = getattr(request, "worker", None)
        if known is not None:
            return known
        credential = credential_of(request)
        if not credential:
            raise NotAuthenticated("Send the session: Authorization: Bearer <session>.")
        if not credential.startswith("tps_"):
            raise NotFound(UNSEEN)
        check_protocol(request)
        bounded(credential)
        worker = sessions.of(credential, ending=self.ending)
        asked = cast(WorkerRequest, request)
        asked.worker, asked.actor = worker, sessions.actor_of(worker)
        correlation.acted_by(asked.actor.label)
        return worker

    def authenticate(self, request: HttpRequest, token: str) -> Worker:
        return self(request)


class AnyCredential(HttpBearer):
    """A session or an access token; the operation looks closer."""

    def __init__(self, *prefixes: str) -> None:
        super().__init__()
        self.prefixes = prefixes

    def __call__(self, request: HttpRequest) -> str:
        credential = credential_of(request)
        if credential.startswith(self.prefixes):
            if credential.startswith("tps_"):
                SessionAuth(ending=True)(request)
            else:
                _recognise_token(request, credential)
            return credential
        if credential.startswith(("tpw_", "tps_")):
            raise NotFound(UNSEEN)
        if getattr(request, "actor", None) is None:
            header = request.headers.get("Authorization", "")
            address = request.META.get("REMOTE_ADDR", "")
            cast(WorkerRequest, request).actor = authentication.actor_of_bearer(header, address=address)
        return credential

    def authenticate(self, request: HttpRequest, token: str) -> str:
        return self(request)


def credential_of(request: HttpRequest) -> str:
    scheme, _, credential = request.headers.get("Authorization", "").strip().partition(" ")
    return credential.strip() if scheme.lower() in {"bearer", "userkey"} else ""


def check_protocol(request: HttpRequest) -> None:
    if request.headers.get("Towpath-Protocol", "") not in PROTOCOLS:
        raise UnknownProtocol("This control plane speaks protocol 1; install the worker of its version.")


def bounded(credential: str) -> None:
    """One session's requests in a minute: a worker gone wild must not cost the others their turn."""
    name = f"session:{digest(credential)[:16]}"
    limits.check(name, most=REQUESTS, seconds=WINDOW)
    limits.count(name, seconds=WINDOW)


def worker_of(request: HttpRequest) -> Worker:
    return cast(WorkerRequest, request).worker


def _recognise_token(request: HttpRequest, credential: str) -> None:
    """A worker token: it decides environment and kind, and its failures are counted like those of other credentials."""
    address = f"bearer:{request.META.get('REMOTE_ADDR', '')}"
    check_protocol(request)
    try:
        token = workers.of_token(credential)
    except NotFound:
        # A token that is right is never kept out: behind one address there may be many.
        limits.check(address, most=authentication.BEARERS, seconds=authentication.WINDOW)
        limits.count(address, seconds=authentication.WINDOW)
        raise
    environment = token.environment
    asked = cast(WorkerRequest, request)
    asked.worker_token = token
    asked.actor = access.Actor(f"worker-token:{environment.name}", environment.organization)
    correlation.acted_by(asked.actor.label)
