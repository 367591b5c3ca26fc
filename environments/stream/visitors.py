"""Who stands at an async door: the same two answers as at every other door, found across the bridge."""

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest
from django.http.cookie import parse_cookie

from environments.stream.asgi import Scope, header
from projects import authentication
from projects.access import Actor


def of_session(scope: Scope) -> Actor:
    """The person whose browser asks; NotAuthenticated as soon as their session is over."""
    request = HttpRequest()
    request.COOKIES = parse_cookie(header(scope, b"cookie"))
    request.session = SessionStore(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    request.user = get_user(request)  # type: ignore[assignment]
    return authentication.actor_of_request(request)


def of_bearer(scope: Scope) -> Actor:
    """The access token that asks; NotAuthenticated as soon as it is revoked or expired."""
    client = scope.get("client")
    return authentication.actor_of_bearer(header(scope, b"authorization"), address=client[0] if client else "")


def credential(scope: Scope) -> str:
    """What stands behind `Bearer`, or nothing."""
    scheme, _, value = header(scope, b"authorization").strip().partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""
