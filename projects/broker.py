"""The broker, asked briefly and never needed: dead or frozen it costs one short timeout in some seconds.

Whoever asks can do without the answer, and says how.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import redis
from django.conf import settings

logger = logging.getLogger(__name__)

R = TypeVar("R")
TIMEOUT = 0.2
REST = 5.0

_lock = threading.Lock()
_client: redis.Redis | None = None
_silent_until = 0.0


class Silent(Exception):
    """It does not answer, or did not some moments ago."""


def ask(question: Callable[[redis.Redis], R]) -> R:
    """What the broker says; Silent where it says nothing."""
    if rests():
        raise Silent
    try:
        return question(_connection())
    except (redis.RedisError, OSError) as error:
        leave_alone(error)
        raise Silent from error


def rests() -> bool:
    return time.monotonic() < _silent_until


def leave_alone(error: Exception) -> None:
    """It has just failed somebody; for some seconds nobody of this process asks it."""
    global _silent_until
    _silent_until = time.monotonic() + REST
    logger.warning(
        "The broker cannot be reached (%s); what it would have told is found by looking.", type(error).__name__
    )


def forget() -> None:
    """Begin anew, as after a restart of this process."""
    global _client, _silent_until
    _client, _silent_until = None, 0.0


def _connection() -> redis.Redis:
    global _client
    with _lock:
        if _client is None:
            _client = redis.Redis.from_url(
                settings.REDIS_URL, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, retry=None
            )
        return _client
