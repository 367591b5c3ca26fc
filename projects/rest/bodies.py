"""What operations know of who asks, and say of what they made."""

import uuid
from collections.abc import Mapping
from typing import Any, cast

from django.http import HttpRequest, HttpResponse

from projects.access import Actor

ROOT = "/api/v1"


class ApiRequest(HttpRequest):
    """A request with what is noted on its way: who asks, the next page, whether its one operation may be repeated, and
    whether its body says why.
    """

    actor: Actor
    link_next: str
    idempotent: bool
    explains: bool


def explain(request: HttpRequest, given: Mapping[str, Any]) -> None:
    """Who asks does so for the reason and with the link that were sent along. Workers report, and explain nothing."""
    asked = cast(ApiRequest, request)
    if asked.actor.user is not None:
        said = {name: str(given.get(name) or "") for name in ("reason", "link")}
        asked.actor = asked.actor.because(**said)


def created(response: HttpResponse, *path: str | uuid.UUID) -> None:
    """Say where the new thing is."""
    response.headers["Location"] = "/".join([ROOT, *map(str, path)])


def shown_once(response: HttpResponse) -> None:
    """The answer carries a credential: no cache keeps it, no tag is made of it, and it is not repeated."""
    response.headers["Cache-Control"] = "no-store"


def actor(request: HttpRequest) -> Actor:
    return cast(ApiRequest, request).actor
