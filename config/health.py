"""Whether this process lives and whether it can work."""

from concurrent.futures import ThreadPoolExecutor

import redis
from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

PATIENCE = 2.0
# A server that is frozen says neither yes nor no: this thread may wait for it, the one who asks does not.
_asking = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ready")


@never_cache
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """The process answers; nothing else is asked."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """503 unless both the database and the broker answer."""
    found = {"database": database_answers(), "broker": broker_answers()}
    every = all(found.values())
    words = {name: "ok" if answers else "away" for name, answers in found.items()}
    response = JsonResponse({"status": "ok" if every else "unavailable", **words}, status=200 if every else 503)
    if not every:
        response.headers["Retry-After"] = "5"
    return response


def database_answers() -> bool:
    asked = _asking.submit(ask_database)
    try:
        return asked.result(PATIENCE)
    except TimeoutError:
        asked.cancel()
        return False


def ask_database() -> bool:
    close_old_connections()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return True
    except (DatabaseError, InterfaceError):
        return False


def broker_answers() -> bool:
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.5, retry=None
        ) as client:
            return bool(client.ping())
    except (redis.RedisError, OSError):
        return False
