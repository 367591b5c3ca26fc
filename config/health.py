"""Whether this process lives and whether it can work."""

import redis
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


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
