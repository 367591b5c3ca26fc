"""One stream and its one timer: sleeps end in time, and a reader who takes nothing is given up."""

import asyncio
import time

import pytest

from environments.stream import sse
from environments.stream.sse import Gone, Stream
from environments.stream.waiting import Waiting
from tests.patience import patience


class Hub:
    """A hub that hears nothing."""

    closing = False

    def __init__(self) -> None:
        self.waiting = Waiting()

    def start(self) -> None:
        pass


async def stays() -> dict:
    await asyncio.Event().wait()
    raise AssertionError


async def takes(message: dict) -> None:
    await asyncio.sleep(0)


async def takes_no_messages(message: dict) -> None:
    if message.get("body"):
        await asyncio.Event().wait()


@pytest.fixture
def hub():
    return Hub()


def test_a_sleep_ends_when_its_time_is_over_or_something_is_rung(hub):
    async def slept() -> list[bool]:
        async with Stream(stays, takes, hub, "run:1") as stream:
            began = time.monotonic()
            over = [await stream.sleep(0.05), await stream.sleep(0.1), await stream.sleep(0.02)]
            assert 0.17 <= time.monotonic() - began < patience(2)
            asyncio.get_running_loop().call_later(0.02, hub.waiting.ring, ["run:1"])
            return [*over, await stream.sleep(5)]

    assert asyncio.run(slept()) == [False, False, False, True]
    assert len(hub.waiting) == 0


def test_a_reader_who_takes_nothing_is_given_up_and_leaves_nothing_behind(hub, monkeypatch):
    monkeypatch.setattr(sse, "PATIENCE", 0.1)

    async def told() -> float:
        began = time.monotonic()
        async with Stream(stays, takes_no_messages, hub, "run:1") as stream:
            await stream.tell("event", "nobody hears it")
            raise AssertionError("it was heard")
        return time.monotonic() - began

    assert 0.1 <= asyncio.run(told()) < 2
    assert len(hub.waiting) == 0


def test_what_ends_the_process_ends_a_stream_whose_reader_takes_nothing(hub):
    async def ended() -> None:
        stream = Stream(stays, takes_no_messages, hub, "run:1")
        task = asyncio.create_task(stream.__aenter__())
        await asyncio.sleep(0.02)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(ended())
    assert len(hub.waiting) == 0


def test_who_has_left_is_told_nothing_more(hub):
    async def leaves() -> dict:
        return {"type": "http.disconnect"}

    async def told() -> str:
        async with Stream(leaves, takes, hub, "run:1") as stream:
            await asyncio.sleep(0.01)
            try:
                await stream.sleep(5)
            except Gone:
                return "gone"
        return "stayed"

    assert asyncio.run(told()) == "gone"
