"""How many streams one person may hold open: counted in the broker over all processes, else in this one alone."""

import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import redis
from django.conf import settings

from environments.stream.crossing import across
from projects.limits import TooMany

# A seat that is not claimed again for so long belongs to a process that is no more.
KEPT = 30.0
REFRESH = 8.0
_TIMEOUT = 0.2
_REST = 5.0

_taken: Counter[uuid.UUID] = Counter()
_seats: dict[str, str] = {}
_client: redis.Redis | None = None
_silent_until = 0.0


class TooManyStreams(TooMany):
    """This person holds as many streams as one may."""

    code = "too-many-streams"
    title = "Too many streams"

    def __init__(self, most: int) -> None:
        super().__init__(10)
        self.detail = f"You have {most} live pages and streams open; close one of them."


@asynccontextmanager
async def seat(user_id: uuid.UUID) -> AsyncIterator[None]:
    """Hold one of this person's streams; TooManyStreams where none is left."""
    most: int = settings.TOWPATH_STREAMS_PER_USER
    if _taken[user_id] >= most:
        raise TooManyStreams(most)
    _taken[user_id] += 1
    name, key = uuid.uuid4().hex, f"towpath:streams:{user_id}"
    try:
        if not await across(_take, key, name, most):
            raise TooManyStreams(most)
        _seats[name] = key
        yield
    finally:
        _taken[user_id] -= 1
        if not _taken[user_id]:
            del _taken[user_id]
        if _seats.pop(name, None):
            await across(_leave, key, name)


def keep() -> None:
    """Claim this process' seats again; the hub calls it every few seconds."""
    if not _seats:
        return
    with _pipeline() as pipeline:
        for name, key in list(_seats.items()):
            pipeline.zadd(key, {name: time.time() + KEPT})
            pipeline.expire(key, int(2 * KEPT))
        _answers(pipeline)


def _take(key: str, name: str, most: int) -> bool:
    with _pipeline() as pipeline:
        pipeline.zremrangebyscore(key, 0, time.time())
        pipeline.zadd(key, {name: time.time() + KEPT})
        pipeline.expire(key, int(2 * KEPT))
        pipeline.zcard(key)
        answers = _answers(pipeline)
    if answers and answers[-1] > most:
        _leave(key, name)
        return False
    return True


def _leave(key: str, name: str) -> None:
    with _pipeline() as pipeline:
        pipeline.zrem(key, name)
        _answers(pipeline)


def _pipeline() -> redis.client.Pipeline:
    global _client
    if _client is None:
        _client = redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT, retry=None
        )
    return _client.pipeline()


def _answers(pipeline: redis.client.Pipeline) -> list[int]:
    """Nothing where the broker does not answer, which is then left alone for some seconds."""
    global _silent_until
    if time.monotonic() < _silent_until:
        return []
    try:
        found: list[int] = pipeline.execute()
        return found
    except (redis.RedisError, OSError):
        _silent_until = time.monotonic() + _REST
        return []
