"""`GET /metrics`, for whoever has the token of the settings."""

import secrets
from typing import TypeVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from config import health
from config.bounded import Answer, Asker, Away
from config.metrics import requests
from config.metrics.installation import Installation, Seen
from environments import vitals

R = TypeVar("R")
# Less than the ten seconds that Prometheus waits.
PATIENCE = 8.0
_rows = Asker("metrics")


@never_cache
@require_safe
def exposition(request: HttpRequest) -> HttpResponse:
    if not admitted(request.headers.get("Authorization", "")):
        refusal = HttpResponse("Send the token of TOWPATH_METRICS_TOKEN: Authorization: Bearer <token>.\n", status=401)
        refusal.headers["WWW-Authenticate"] = "Bearer"
        refusal.headers["Content-Type"] = "text/plain; charset=utf-8"
        return refusal
    told = generate_latest(requests.registry()) + generate_latest(Installation(see()))
    return HttpResponse(told, content_type=CONTENT_TYPE_PLAIN_0_0_4)


def admitted(header: str) -> bool:
    scheme, _, given = header.partition(" ")
    known = settings.TOWPATH_METRICS_TOKEN.encode()
    return scheme.lower() == "bearer" and secrets.compare_digest(given.strip().encode(), known)


def see() -> Seen:
    """Everything at once, and within `PATIENCE`."""
    database, broker, disk = health.database(), health.broker(), health.disk()
    proxy = health.proxy() if health.has_proxy() else None
    rows = _rows.ask(vitals.read, patience=PATIENCE)
    return Seen(
        database=health.answers(database),
        broker=health.answers(broker),
        proxy=health.answers(proxy) if proxy is not None else None,
        free_disk=known(disk),
        vitals=known(rows),
    )


def known(asked: Answer[R]) -> R | None:
    try:
        return asked.get()
    except Away:
        return None
