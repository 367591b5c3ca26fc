"""How often something may be tried: counted in the broker where it answers, else in this process."""

import threading
import time

import redis

from projects import broker
from projects.errors import Exhausted

_lock = threading.Lock()
_counts: dict[str, tuple[int, float]] = {}


class TooMany(Exhausted):
    """Tried too often; `seconds` until it may be tried again."""

    code = "too-many"
    title = "Too many attempts"
    http_status = 429

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


def spend(name: str, *, most: int, seconds: int) -> None:
    """Count one of `name`, TooMany where that is more than `most` in the present window of `seconds`."""
    check(name, most=most, seconds=seconds)
    count(name, seconds=seconds)


def _window(name: str, seconds: int) -> str:
    return f"towpath:limit:{name}:{int(time.time()) // seconds}"


def _read(key: str) -> int:
    counted = _counts.get(key, (0, 0.0))[0]
    try:
        return max(broker.ask(lambda client: int(client.get(key) or 0)), counted)
    except broker.Silent:
        return counted


def _raise(key: str, seconds: int) -> None:
    def counted(client: redis.Redis) -> None:
        with client.pipeline() as pipeline:
            pipeline.incr(key)
            pipeline.expire(key, seconds + 1)
            pipeline.execute()

    try:
        broker.ask(counted)
    except broker.Silent:
        _count_here(key, seconds)


def _count_here(key: str, seconds: int) -> None:
    now = time.time()
    with _lock:
        for old in [name for name, (_, until) in _counts.items() if until < now]:
            del _counts[old]
        _counts[key] = (_counts.get(key, (0, 0.0))[0] + 1, now + seconds)
