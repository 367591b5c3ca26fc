"""A POST that names an Idempotency-Key happens once; its answer is kept in the same transaction and repeated."""

import hashlib
import hmac
import re
from collections.abc import Callable
from datetime import timedelta
from typing import cast

from django.conf import settings
from django.db import connection
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from projects import batches, events
from projects.archives import Upload
from projects.credentials import digest
from projects.errors import Conflict, Invalid
from projects.models import IdempotentAnswer
from projects.rest.bodies import actor

KEPT = timedelta(hours=24)
HEADERS = ("Location", "Content-Type", "Link")
KEY = re.compile(r"[\x21-\x7e]{1,200}")


class InFlight(Conflict):
    code = "twin-in-flight"


class KeyReused(Conflict):
    code = "idempotency-key-reused"


class ShownOnce(Conflict):
    code = "shown-once"


class _NotDone(Exception):
    """The answer is a refusal: nothing happened, so nothing is kept and the key may be tried again."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__()
        self.response = response


def once(request: HttpRequest, key: str, answer: Callable[[], HttpResponse]) -> HttpResponse:
    """The answer of the first request with this actor, path and key; another body, or a twin in flight, is 409."""
    if not KEY.fullmatch(key):
        raise Invalid.field("Idempotency-Key", "1 to 200 printable characters without spaces")
    try:
        # Looked at before the transaction: nothing in it waits for a body.
        return _once(request, key, _body_digest(request), answer)
    except _NotDone as refusal:
        return refusal.response


def forget() -> int:
    """Delete the answers that are not repeated any more."""
    return batches.forget(IdempotentAnswer.objects.filter(created_at__lt=Now() - KEPT))


@events.operation
def _once(request: HttpRequest, key: str, body_digest: str, answer: Callable[[], HttpResponse]) -> HttpResponse:
    who = f"{actor(request).organization.pk}:{_credential(request)}"
    named = {"actor": who, "method": request.method or "", "path": request.path[:500], "key": key}
    _lock("\n".join(named.values()))
    kept = IdempotentAnswer.objects.filter(**named).first()
    if kept and kept.created_at < timezone.now() - KEPT:
        kept.delete()
        kept = None
    if kept:
        return _replay(kept, body_digest)
    response = answer()
    if response.status_code >= 400:
        raise _NotDone(response)
    withheld = "no-store" in response.get("Cache-Control", "")
    IdempotentAnswer.objects.create(
        **named,
        body_digest=body_digest,
        status=response.status_code,
        headers={name: response.headers[name] for name in HEADERS if name in response.headers},
        body="" if withheld else response.content.decode(),
        withheld=withheld,
    )
    return response


def _credential(request: HttpRequest) -> str:
    """Who asks, by what they prove it with: a name may pass to another, and machines may be called alike."""
    return digest(request.headers.get("Authorization", "").partition(" ")[2].strip())


def _replay(kept: IdempotentAnswer, body_digest: str) -> HttpResponse:
    if kept.body_digest != body_digest:
        raise KeyReused("This Idempotency-Key was used with another body; take a new one.")
    if kept.withheld:
        raise ShownOnce(
            "This was created already; its value was shown once and cannot be shown again.",
            location=kept.headers.get("Location", ""),
        )
    response = HttpResponse(kept.body, status=kept.status)
    for name, value in kept.headers.items():
        response.headers[name] = value
    response.headers["Idempotency-Replayed"] = "true"
    return response


def _lock(name: str) -> None:
    """Held until the transaction ends, so that a twin neither waits nor overtakes."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        if not cursor.fetchone()[0]:
            raise InFlight("The same request is being carried out at this moment; ask again shortly.")


def _body_digest(request: HttpRequest) -> str:
    """Of an upload too what it holds: files of one name and size need not be the same. Keyed, for a body may hold a
    secret that is short enough to be found by trying."""
    found = hmac.new(settings.SECRET_KEY.encode(), digestmod=hashlib.sha256)
    if request.content_type == "multipart/form-data":
        for name, values in sorted(request.POST.lists()):
            found.update(f"{name}={values}\n".encode())
        for name, files in sorted(request.FILES.lists()):
            for file in cast(list[Upload], files):
                found.update(f"{name}:{file.name}:{file.archive.sha256}\n".encode())
    else:
        found.update(request.body)
    return found.hexdigest()
