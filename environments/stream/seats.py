"""How many streams one person may hold open: counted in the broker over all processes, else in this one alone."""

import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import redis
from django.conf import settings
from redis.client import Pipeline

from environments.stream.crossing import across
from projects import broker
from projects.access import Actor
from projects.limits import TooMany

# A seat that is not claimed again for so long belongs to a process that is no more.
KEPT = 30.0
REFRESH = 8.0

_taken: Counter[uuid.UUID] = Counter()
_seats: dict[str, str] = {}


class TooManyStreams(TooMany):
    """This person holds as many streams as one may."""

    code = "too-many-streams"
    title = "Too many streams"

    def __init__(self, most: int) -> None:
        super().__init__(10)
        self.detail = f"You have {most} live pages and streams open; close one of them."


@asynccontextmanager
async def seat(actor: Actor) -> AsyncIterator[None]:
    """Hold one of this person's streams, their tokens' too; TooManyStreams where none is left."""
    assert actor.user is not None
    user_id = actor.user.pk
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
    held = list(_seats.items())

    def claim(pipeline: Pipeline) -> None:
        for name, key in held:
            pipeline.zadd(key, {name: time.time() + KEPT})
            pipeline.expire(key, int(2 * KEPT))

    if held:
        _ask(claim)


def _take(key: str, name: str, most: int) -> bool:
    def take(pipeline: Pipeline) -> None:
        pipeline.zremrangebyscore(key, 0, time.time())
        pipeline.zadd(key, {name: time.time() + KEPT})
        pipeline.expire(key, int(2 * KEPT))
        pipeline.zcard(key)

    answers = _ask(take)
    if answers and answers[-1] > most:
        _leave(key, name)
        return False
    return True


def _leave(key: str, name: str) -> None:
    _ask(lambda pipeline: pipeline.zrem(key, name))


def _ask(said: Callable[[Pipeline], object]) -> list[int]:
    """The answers to all that is said at once; nothing where the broker does not answer."""

    def question(client: redis.Redis) -> list[int]:
        with client.pipeline() as pipeline:
            said(pipeline)
            return list(pipeline.execute())

    try:
        return broker.ask(question)
    except broker.Silent:
        return []
