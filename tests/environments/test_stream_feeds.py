"""A feed tells everything that was committed once and in order, however its looks and reads overlap."""

import asyncio
import threading
import time
import uuid
from collections.abc import Iterable

import pytest
from django.conf import settings
from django.db import connection

from environments.stream import hub as hubs
from environments.stream.cursors import Cursor
from environments.stream.feeds import Lost, positions
from environments.stream.hub import Hub
from projects import events
from projects.access import Actor
from projects.models import Event, Organization
from tests import builders


@pytest.fixture
def owner(transactional_db: None) -> Actor:
    return builders.owner_of(builders.organization())


@events.operation
def something(by: Actor) -> None:
    events.record("app.updated", by=by, object={"kind": "app", "id": uuid.uuid4(), "name": "ledger"})


def writing(by: Actor, count: int) -> threading.Thread:
    def write() -> None:
        for _ in range(count):
            something(by)
        connection.close()

    thread = threading.Thread(target=write)
    thread.start()
    return thread


async def heard(hub: Hub, organization: Organization, *, start: Cursor, count: int) -> list[int]:
    """The numbers of the next `count` events, as one listener hears them."""
    numbers: list[int] = []
    name = f"organization:{organization.pk}"
    async with hub.feed(organization) as feed, asyncio.timeout(60):
        with hub.waiting.on(name) as bell:
            cursor = start
            while len(numbers) < count:
                bell.clear()
                found = await feed.after(cursor)
                if not found:
                    await bell.wait()
                    continue
                numbers += [event.number for event in found]
                cursor = Cursor(feed.epoch, numbers[-1])
    return numbers


def test_many_looks_and_reads_at_once_lose_nothing_and_never_take_an_old_answer_for_a_restore(
    owner: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(organization_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Cursor]:
        found = positions(organization_ids)
        time.sleep(0.02)  # the answer is old when it arrives
        return found

    monkeypatch.setattr(settings, "TOWPATH_STREAM_LOOK", 0.002)
    monkeypatch.setattr(hubs, "positions", slowly)
    last = Event.objects.filter(organization_id=owner.organization.pk).count()

    async def scenario() -> list[list[int]]:
        hub = Hub()
        start = Cursor(owner.organization.event_epoch, last)
        listeners = [asyncio.create_task(heard(hub, owner.organization, start=start, count=200)) for _ in range(3)]
        await asyncio.sleep(0.2)
        writers = [writing(owner, 100), writing(owner, 100)]
        found = await asyncio.gather(*listeners)
        await asyncio.to_thread(lambda: [writer.join() for writer in writers])
        await hub.stop()
        return found

    for numbers in asyncio.run(scenario()):
        assert numbers == list(range(last + 1, last + 201))


def test_one_who_slept_long_reads_what_others_have_forgotten(owner: Actor) -> None:
    start = Cursor(1, Event.objects.filter(organization_id=owner.organization.pk).count())
    for _ in range(30):
        something(owner)

    async def scenario() -> list[int]:
        hub = Hub()
        async with hub.feed(owner.organization):
            found = await heard(hub, owner.organization, start=start, count=30)
        await hub.stop()
        return found

    assert asyncio.run(scenario()) == list(range(start.number + 1, start.number + 31))


@pytest.mark.parametrize("cursor", [Cursor(2, 1), Cursor(1, 10_000)])
def test_a_place_that_never_was_is_lost(owner: Actor, cursor: Cursor) -> None:
    async def scenario() -> None:
        hub = Hub()
        try:
            async with hub.feed(owner.organization) as feed:
                await feed.after(cursor)
        finally:
            await hub.stop()

    with pytest.raises(Lost):
        asyncio.run(scenario())


def test_a_feed_is_let_go_with_its_last_listener(owner: Actor) -> None:
    async def scenario() -> tuple[int, int, int]:
        hub = Hub()
        async with hub.feed(owner.organization), hub.feed(owner.organization) as feed:
            during = len(hub.feeds), feed.listeners
        await hub.stop()
        return (*during, len(hub.feeds))

    assert asyncio.run(scenario()) == (1, 2, 0)
