"""Best-effort messages that say "there is more": after commit, never raised, never slow.

Readers also look without being told, so a lost message costs seconds and never truth.
"""

import json
import logging
import threading
import time
from typing import Any

import redis
from django.conf import settings
from django.db import transaction

logger = logging.getLogger(__name__)

EVENTS = "towpath:events"
WORKERS = "towpath:workers"
LOGS = "towpath:logs"
_TIMEOUT = 0.2
_REST = 5.0

_lock = threading.Lock()
_client: redis.Redis | None = None
_silent_until = 0.0


def ring(channel: str, **message: Any) -> None:
    """Publish `message` on `channel` once the surrounding transaction has committed."""
    transaction.on_commit(lambda: publish(channel, message), robust=True)


def publish(channel: str, message: dict[str, Any]) -> None:
    """Publish now. After a failure the bell rests some seconds, so that a dead broker costs one short timeout."""
    global _silent_until
    if time.monotonic() < _silent_until:
        return
    try:
        _connection().publish(channel, json.dumps(message, default=str))
    except (redis.RedisError, OSError) as error:
        _silent_until = time.monotonic() + _REST
        logger.warning("The broker cannot be reached (%s); readers will look by themselves.", type(error).__name__)


def _connection() -> redis.Redis:
    global _client
    with _lock:
        if _client is None:
            _client = redis.Redis.from_url(
                settings.REDIS_URL, socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT, retry=None
            )
        return _client
