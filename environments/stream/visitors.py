"""Who stands at an async door: the same two answers as at every other door, found across the bridge."""

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest
from django.http.cookie import parse_cookie

from environments.stream.asgi import Scope, header
from projects import authentication
from projects.access import Actor
from projects.errors import UNSEEN, NotFound
from projects.session_store import SessionStore


def request_of(scope: Scope) -> HttpRequest:
    """What rooms and checks written for Django's requests need of this one."""
    request = HttpRequest()
    request.method, request.path = scope["method"], scope["path"]
    for name, value in scope["headers"]:
        request.META["HTTP_" + name.decode("latin-1").upper().replace("-", "_")] = value.decode("latin-1")
    client = scope.get("client")
    request.META["REMOTE_ADDR"] = client[0] if client else ""
    return request


def of_session(scope: Scope) -> Actor:
    """The person whose browser asks; NotAuthenticated as soon as their session is over."""
    request = request_of(scope)
    request.COOKIES = parse_cookie(header(scope, b"cookie"))
    request.session = SessionStore(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    request.user = get_user(request)
    return authentication.actor_of_request(request)


def of_bearer(scope: Scope) -> Actor:
    """The access token that asks; NotAuthenticated as soon as it is revoked or expired."""
    given = header(scope, b"authorization")
    if given.partition(" ")[2].strip().startswith(("tpw_", "tps_")):
        raise NotFound(UNSEEN)
    client = scope.get("client")
    return authentication.actor_of_bearer(given, address=client[0] if client else "")
