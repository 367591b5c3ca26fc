"""Whether this process lives, whether it can work, and how each part of the installation does.

Nobody changes anything here: whoever posts is told that it takes no such method, not that a form is no longer valid.
"""

import os
import shutil
import socket
import time
from collections.abc import Callable
from typing import Any

import redis
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from config.bounded import Answer, Asker, Away
from config.up import caddy
from config.version import version
from environments import vitals

PATIENCE = 2.0
# Rounds follow each other every two seconds; a run is taken at once, or within five seconds where nobody rang for it.
SCHEDULER_LATE = 30.0
RUN_LATE = 60.0
# A control worker looks every five seconds, and keeps what it carries out every three.
CONTROL_LATE = 30.0
DISK_LOW = 0.05

Part = dict[str, Any]
# A server that is frozen says neither yes nor no: these threads may wait for it, the one who asks does not. What takes
# longer must not hold up readiness, so each has its own.
_database, _broker, _rows, _disk, _proxy = (Asker(name) for name in ("ready", "broker", "health", "disk", "proxy"))


@csrf_exempt
@never_cache
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """The process answers; nothing else is asked."""
    return JsonResponse({"status": "ok"})


@csrf_exempt
@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """503 unless both the database and the broker answer."""
    asked = {"database": database(), "broker": broker()}
    words = {name: "ok" if answers(one) else "away" for name, one in asked.items()}
    return _told(words, whole=set(words.values()) == {"ok"})


@csrf_exempt
@never_cache
@require_safe
def detailed(request: HttpRequest) -> JsonResponse:
    """Each part with what was measured; 503 if one is broken. No names, addresses or messages: nobody signs in here."""
    asked: dict[str, tuple[Answer[Any], Callable[[Any], Part]]] = {
        "database": (database(), _responds),
        "broker": (broker(), _responds),
        "scheduler": (_rows.ask(ask_scheduler, patience=PATIENCE), _of_scheduler),
        "control_workers": (_rows.ask(ask_control, patience=PATIENCE), _of_control),
        "disk": (disk(), _of_disk),
    }
    if has_proxy():
        asked["proxy"] = (proxy(), _responds)
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


def proxy() -> Answer[float]:
    return _proxy.ask(ask_proxy, patience=PATIENCE)


def has_proxy() -> bool:
    """Whether this machine gives apps their addresses; elsewhere each machine that joined has a proxy of its own."""
    return settings.INSTALLATION.endpoint_count > 0


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


def ask_proxy() -> float:
    """Milliseconds; by its own socket, because whatever listens on an app's address may be the app's doing."""
    begun = time.perf_counter()
    door = caddy.alive(settings.TOWPATH_HOME)
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(PATIENCE)
        directory = os.open(door.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            # A socket's name may have 107 bytes; the way there may be longer.
            asking.connect(f"/proc/self/fd/{directory}/{door.name}")
        finally:
            os.close(directory)
        asking.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        if not asking.recv(64).startswith(b"HTTP/1.1 200"):
            raise OSError("the proxy says something else")
    return _since(begun)


def ask_scheduler() -> float | None:
    return vitals.scheduler_age()


def ask_control() -> tuple[float | None, float]:
    return vitals.control_age(), vitals.waiting_for_control()


def free_disk() -> float:
    """The share of the disk with the installation's home that is free for whoever is not root."""
    usage = shutil.disk_usage(settings.TOWPATH_HOME)
    return usage.free / usage.total


def _since(begun: float) -> float:
    return (time.perf_counter() - begun) * 1000


def _responds(milliseconds: float) -> Part:
    return {"status": "ok", "milliseconds": round(milliseconds, 1)}


def _of_scheduler(age: float | None) -> Part:
    """`never` where none has finished a round since the installation was made."""
    return {"status": _timely(age, SCHEDULER_LATE), "seconds_since_last_round": _rounded(age)}


def _of_control(found: tuple[float | None, float]) -> Part:
    """Late where none lives, and where those that live do not keep up."""
    age, waiting = found
    status = _timely(age, CONTROL_LATE)
    if waiting > RUN_LATE:
        status = "late"
    return {"status": status, "seconds_since_last_look": _rounded(age), "oldest_waiting_seconds": round(waiting, 1)}


def _timely(age: float | None, late: float) -> str:
    return "never" if age is None else "ok" if age <= late else "late"


def _rounded(age: float | None) -> float | None:
    return None if age is None else round(age, 1)


def _of_disk(free: float) -> Part:
    return {"status": "ok" if free >= DISK_LOW else "full", "free_ratio": round(free, 4)}
