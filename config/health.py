"""Whether this process lives, whether it can work, and how each part of the installation does."""

import shutil
import time
from collections.abc import Callable
from typing import Any

import redis
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from config.bounded import Answer, Asker, Away
from config.version import version
from environments import vitals

PATIENCE = 2.0
# Rounds follow each other every two seconds; a run is taken at once, or within five seconds where nobody rang for it.
SCHEDULER_LATE = 30.0
RUN_LATE = 60.0
DISK_LOW = 0.05

Part = dict[str, Any]
# A server that is frozen says neither yes nor no: these threads may wait for it, the one who asks does not. What takes
# longer must not hold up readiness, so each has its own.
_database, _broker, _rows, _disk = (Asker(name) for name in ("ready", "broker", "health", "disk"))


@never_cache
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """The process answers; nothing else is asked."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """503 unless both the database and the broker answer."""
    asked = {"database": database(), "broker": broker()}
    words = {name: "ok" if answers(one) else "away" for name, one in asked.items()}
    return _told(words, whole=set(words.values()) == {"ok"})


@never_cache
@require_safe
def detailed(request: HttpRequest) -> JsonResponse:
    """Each part with what was measured; 503 if one is broken. No names, addresses or messages: nobody signs in here."""
    asked: dict[str, tuple[Answer[float], Callable[[float], Part]]] = {
        "database": (database(), _responds),
        "broker": (broker(), _responds),
        "scheduler": (_rows.ask(ask_scheduler, patience=PATIENCE), _of_scheduler),
        "control_workers": (_rows.ask(vitals.waiting_for_control, patience=PATIENCE), _of_control),
        "disk": (disk(), _of_disk),
    }
    parts: dict[str, Part] = {}
    for name, (answer, judge) in asked.items():
        try:
            parts[name] = judge(answer.get())
        except Away:
            # Of whom the database keeps the record nothing can be said without it.
            parts[name] = {"status": "unknown" if name in {"scheduler", "control_workers"} else "away"}
    whole = all(part["status"] == "ok" for part in parts.values())
    return _told({"version": version(), "parts": parts}, whole=whole)


def _told(found: dict[str, Any], *, whole: bool) -> JsonResponse:
    status = 200 if whole else 503
    response = JsonResponse({"status": "ok" if whole else "unavailable", **found}, status=status)
    if not whole:
        response.headers["Retry-After"] = "5"
    return response


def database() -> Answer[float]:
    return _database.ask(ask_database, patience=PATIENCE)


def broker() -> Answer[float]:
    return _broker.ask(ask_broker, patience=PATIENCE)


def disk() -> Answer[float]:
    return _disk.ask(free_disk, patience=PATIENCE)


def answers(asked: Answer[float]) -> bool:
    try:
        asked.get()
        return True
    except Away:
        return False


def ask_database() -> float:
    """Milliseconds for the shortest question there is."""
    begun = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return _since(begun)


def ask_broker() -> float:
    """Milliseconds, a new connection included."""
    begun = time.perf_counter()
    with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.5, retry=None) as client:
        client.ping()
    return _since(begun)


def ask_scheduler() -> float:
    age = vitals.scheduler_age()
    return float("inf") if age is None else age


def free_disk() -> float:
    """The share of the disk with the installation's home that is free for whoever is not root."""
    usage = shutil.disk_usage(settings.TOWPATH_HOME)
    return usage.free / usage.total


def _since(begun: float) -> float:
    return (time.perf_counter() - begun) * 1000


def _responds(milliseconds: float) -> Part:
    return {"status": "ok", "milliseconds": round(milliseconds, 1)}


def _of_scheduler(age: float) -> Part:
    """`never` where none has finished a round since the installation was made."""
    if age == float("inf"):
        return {"status": "never", "seconds_since_last_round": None}
    return {"status": "ok" if age <= SCHEDULER_LATE else "late", "seconds_since_last_round": round(age, 1)}


def _of_control(waiting: float) -> Part:
    return {"status": "ok" if waiting <= RUN_LATE else "late", "oldest_waiting_seconds": round(waiting, 1)}


def _of_disk(free: float) -> Part:
    return {"status": "ok" if free >= DISK_LOW else "full", "free_ratio": round(free, 4)}
