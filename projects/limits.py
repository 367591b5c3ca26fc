"""How often something may be tried: counted in the broker where it answers, else in this process."""

import threading
import time

import redis
from django.conf import settings

from projects.errors import Exhausted

_TIMEOUT = 0.2
_REST = 5.0
_lock = threading.Lock()
_counts: dict[str, tuple[int, float]] = {}
_client: redis.Redis | None = None
_silent_until = 0.0


class TooMany(Exhausted):
    """Tried too often; `seconds` until it may be tried again."""

    code = "too-many"
    title = "Too many attempts"

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Too many attempts; try again in {seconds} seconds.")
        self.seconds = seconds


def check(name: str, *, most: int, seconds: int) -> None:
    """Raise TooMany when `name` was counted `most` times in the present window of `seconds`."""
    if _read(_window(name, seconds)) >= most:
        raise TooMany(seconds - int(time.time()) % seconds)


def count(name: str, *, seconds: int) -> None:
    """Count one attempt of `name`."""
    _raise(_window(name, seconds), seconds)


def _window(name: str, seconds: int) -> str:
    return f"towpath:limit:{name}:{int(time.time()) // seconds}"


def _read(key: str) -> int:
    client = _broker()
    if client is not None:
        try:
            return max(int(client.get(key) or 0), _counts.get(key, (0, 0.0))[0])
        except (redis.RedisError, OSError):
            _rest()
    return _counts.get(key, (0, 0.0))[0]


def _raise(key: str, seconds: int) -> None:
    client = _broker()
    if client is not None:
        try:
            with client.pipeline() as pipeline:
                pipeline.incr(key)
                pipeline.expire(key, seconds + 1)
                pipeline.execute()
            return
        except (redis.RedisError, OSError):
            _rest()
    now = time.time()
    with _lock:
        for old in [name for name, (_, until) in _counts.items() if until < now]:
            del _counts[old]
        _counts[key] = (_counts.get(key, (0, 0.0))[0] + 1, now + seconds)


def _broker() -> redis.Redis | None:
    global _client
    if time.monotonic() < _silent_until:
        return None
    with _lock:
        if _client is None:
            _client = redis.Redis.from_url(
                settings.REDIS_URL, socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT, retry=None
            )
    return _client


def _rest() -> None:
    """A silent broker costs one short timeout, then nothing for some seconds."""
    global _silent_until
    _silent_until = time.monotonic() + _REST
