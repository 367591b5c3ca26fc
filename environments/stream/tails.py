"""Tailing lines that grow: read what is there, tell it, sleep until a bell says that there is more."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.db import Error

from environments.stream.crossing import across
from environments.stream.following import BEAT
from environments.stream.sse import Stream
from projects.errors import Refused

A_MOMENT = 0.1


@dataclass(frozen=True)
class Piece:
    """What one read found: messages `(event, data)`, the place after them, whether more is there already or ever."""

    messages: list[tuple[str, str]]
    place: str
    more: bool = False
    over: str | None = None


async def tail(stream: Stream, *, place: str, read: Callable[[str], Piece], again: Callable[[], object]) -> None:
    """Tell pieces from `place` on until the reader leaves, may no longer look, or a piece says that it is over."""
    told = check = time.monotonic()
    check += settings.TOWPATH_STREAM_RECHECK
    await stream.tell("ready", place, id=place)
    while not stream.ending:
        try:
            piece = await across(read, place)
            if time.monotonic() >= check:
                await across(again)
                check = time.monotonic() + settings.TOWPATH_STREAM_RECHECK
        except Error:
            piece = Piece([], place)
        except Refused as refusal:
            await stream.tell("end", refusal.detail)
            return
        place = piece.place
        for n, (event, data) in enumerate(piece.messages, start=1):
            await stream.tell(event, data, id=place if n == len(piece.messages) else None)
            told = time.monotonic()
        if piece.more:
            continue
        if piece.over is not None:
            await stream.tell("end", piece.over)
            return
        if time.monotonic() >= told + BEAT:
            await stream.tell("beat", place, id=place)
            told = time.monotonic()
        if await stream.sleep(settings.TOWPATH_STREAM_LOOK):
            await asyncio.sleep(A_MOMENT)
