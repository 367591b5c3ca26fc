"""The hub of one web process: it hears the bells, looks by itself every few seconds, and wakes whom it concerns."""

import asyncio
import logging
import random
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from contextvars import Context
from typing import Any

from django.conf import settings
from django.db import Error

from environments.stream import bells, seats
from environments.stream.crossing import across
from environments.stream.feeds import Feed, positions
from environments.stream.waiting import Waiting
from projects import bell
from projects.models import Organization

logger = logging.getLogger(__name__)

# What else is looked for without being told: given the names waited for, it answers those that have something.
Look = Callable[[Iterable[str]], Iterable[str]]


def _for_nobody(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """A task of the process's own: not of the request, with its id and its actor, that happened to begin it."""
    return asyncio.create_task(work, context=Context())


class Hub:
    def __init__(self) -> None:
        self.waiting = Waiting()
        self.feeds: dict[uuid.UUID, Feed] = {}
        self.closing = False
        self._looks: dict[str, Look] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._reads: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to listen; at the first listener of the process, so that nothing happens where nobody does."""
        if not self._tasks:
            self._tasks = [
                _for_nobody(bells.listen(self._heard, self._look_soon)),
                _for_nobody(self._look_by_itself()),
            ]

    def close(self) -> None:
        """Send every stream and long poll home. The process is about to end."""
        self.closing = True
        self.waiting.ring_everybody()

    async def stop(self) -> None:
        self.close()
        # The broker's client may swallow a cancellation that comes while it connects, so once is not enough.
        for _ in range(5):
            left = [task for task in (*self._tasks, *self._reads) if not task.done()]
            for task in left:
                task.cancel()
            if not left or not (await asyncio.wait(left, timeout=0.5))[1]:
                break
        self._tasks = []

    def also_look(self, prefix: str, look: Look) -> None:
        """From now on ask `look` every few seconds about the names with this prefix that somebody waits for."""
        self._looks[prefix] = look

    @asynccontextmanager
    async def feed(self, organization: Organization) -> AsyncIterator[Feed]:
        """This organization's feed, read up to now, kept while anybody listens."""
        self.start()
        feed = self.feeds.get(organization.pk)
        if feed is None:
            feed = self.feeds[organization.pk] = Feed(organization)
        feed.listeners += 1
        try:
            if feed.last < 0:
                await self._compare([feed])
            else:
                await self._read(feed)
            yield feed
        finally:
            feed.listeners -= 1
            if not feed.listeners:
                self.feeds.pop(organization.pk, None)

    async def _read(self, feed: Feed) -> None:
        if await feed.read():
            self.waiting.ring([f"organization:{feed.organization.pk}"])

    async def _compare(self, feeds: list[Feed]) -> None:
        """One look at all counters; a feed whose log was put back by a restore stands anew where it is now."""
        before = {feed: feed.position for feed in feeds}
        found = await across(positions, [feed.organization.pk for feed in feeds])
        for feed, known in before.items():
            position = found.get(feed.organization.pk)
            if position is None:
                continue
            # The feed may have read on meanwhile, so only what it knew before the look can show a step back.
            restored = position.epoch != known.epoch or position.number < known.number
            if feed.last < 0 or (restored and feed.position == known):
                feed.begin(position)
                self.waiting.ring([f"organization:{feed.organization.pk}"])
            elif position > feed.position:
                await self._read(feed)

    def _heard(self, channel: str, message: dict[str, Any]) -> None:
        if channel == bell.EVENTS:
            feed = self._feed_of(message.get("organization"))
            if feed is None:
                return
            if message.get("subjects"):
                feed.hint(message)
                self.waiting.ring([f"organization:{feed.organization.pk}"])
            else:
                self._soon(self._read(feed))
        else:
            kind = "claims:" if channel == bell.WORKERS else ""
            self.waiting.ring(f"{kind}{noun}:{value}" for noun, value in message.items())

    def _feed_of(self, organization: Any) -> Feed | None:
        try:
            return self.feeds.get(uuid.UUID(str(organization)))
        except ValueError:
            return None

    def _look_soon(self) -> None:
        self._soon(self._look())

    def _soon(self, work: Any) -> None:
        task = _for_nobody(self._quietly(work))
        self._reads.add(task)
        task.add_done_callback(self._reads.discard)

    async def _quietly(self, work: Any) -> None:
        """A database that is away is looked for again in a few seconds, by everybody who waits."""
        try:
            await work
        except Error as error:
            logger.warning("The live hub could not look: %s", type(error).__name__)

    async def _look_by_itself(self) -> None:
        kept = 0.0
        while True:
            await asyncio.sleep(settings.TOWPATH_STREAM_LOOK * random.uniform(0.8, 1.2))
            await self._quietly(self._look())
            if time.monotonic() > kept + seats.REFRESH:
                kept = time.monotonic()
                await across(seats.keep)

    async def _look(self) -> None:
        if feeds := list(self.feeds.values()):
            await self._compare(feeds)
        for prefix, look in self._looks.items():
            if names := self.waiting.named(prefix):
                self.waiting.ring(prefix + name for name in await across(look, names))


hub = Hub()
