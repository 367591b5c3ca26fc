"""The ear: one subscription per process to the bells that are rung after commits."""

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

from django.conf import settings
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from projects import bell

logger = logging.getLogger(__name__)

CHANNELS = (bell.EVENTS, bell.WORKERS, bell.LOGS)
SILENCE = 5.0
REST = 1.0
Heard = Callable[[str, dict[str, Any]], None]


async def listen(heard: Heard, connected: Callable[[], None]) -> None:
    """Tell `heard` every message until cancelled; `connected` whenever messages may have been missed before."""
    deaf = False
    while True:
        try:
            async with (
                Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2) as client,
                client.pubsub() as subscription,
            ):
                await subscription.subscribe(*CHANNELS)
                deaf = False
                connected()
                await _hear(subscription, heard)
        except (RedisError, OSError, TimeoutError) as error:
            if not deaf:
                logger.warning("The broker is silent (%s); streams look for themselves.", type(error).__name__)
            deaf = True
            await asyncio.sleep(REST)


async def _hear(subscription: PubSub, heard: Heard) -> None:
    """A connection that is open and dead looks like silence, so silence is answered with a question."""
    asked = False
    while True:
        message = await subscription.get_message(timeout=SILENCE)
        if message is None:
            if asked:
                raise TimeoutError
            asked = True
            async with asyncio.timeout(2):
                await subscription.ping()
            continue
        asked = False
        if message["type"] == "message":
            _pass_on(message, heard)


def _pass_on(message: dict[str, Any], heard: Heard) -> None:
    try:
        content = json.loads(message["data"])
    except ValueError:
        content = None
    if isinstance(content, dict):
        heard(message["channel"].decode(), content)
