"""One Server-Sent-Events answer: its messages, its heartbeat, and the moment the other side is gone."""

import asyncio
import re
from contextlib import suppress
from types import TracebackType

from environments.stream.asgi import Headers, Receive, Send
from environments.stream.hub import Hub

HEADERS: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
]
RETRY_MS = 1500
# A reader ends a field at each of them, so data that holds one could otherwise forge fields.
ENDS_OF_LINES = re.compile(r"\r\n|\r|\n")
# A reader who takes nothing for so long is gone, whatever its connection says.
PATIENCE = 20.0


class Gone(Exception):
    """The reader has left."""


def message(event: str, data: str, *, id: object = None) -> bytes:
    """As it travels."""
    lines = [f"event: {event}"] if event else []
    if id is not None:
        lines.append(f"id: {id}")
    lines += [f"data: {line}" for line in ENDS_OF_LINES.split(data)]
    return ("\n".join(lines) + "\n\n").encode()


class Stream:
    """`async with Stream(...)` starts the answer; it sleeps on `names` and ends with the reader or the process."""

    def __init__(self, receive: Receive, send: Send, hub: Hub, *names: str) -> None:
        self._receive, self._send, self._hub = receive, send, hub
        self._sleeping = hub.waiting.on(*names)
        self._left = False

    async def __aenter__(self) -> "Stream":
        self._hub.start()
        self._wake = self._sleeping.__enter__()
        self._watch = asyncio.create_task(self._watch_leaving())
        await self._send({"type": "http.response.start", "status": 200, "headers": list(HEADERS)})
        await self.pass_on(f"retry: {RETRY_MS}\n\n".encode())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self._sleeping.__exit__(None, None, None)
        self._watch.cancel()
        if not self._left and kind in (None, Gone):
            with suppress(TimeoutError, OSError):
                async with asyncio.timeout(1):
                    await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        return kind is Gone

    @property
    def ending(self) -> bool:
        return self._left or self._hub.closing

    async def sleep(self, seconds: float) -> bool:
        """Until something is rung (True) or the time is over (False); Gone when there is nobody to tell."""
        loop = asyncio.get_running_loop()
        # A thousand sleepers are woken at once: a timer is cheaper for each of them than a timeout that cancels.
        until = loop.time() + max(0.0, seconds)
        over = loop.call_at(until, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            over.cancel()
        self._wake.clear()
        if self.ending:
            raise Gone
        return loop.time() < until

    async def tell(self, event: str, data: str, *, id: object = None) -> None:
        await self.pass_on(message(event, data, id=id))

    async def pass_on(self, told: bytes) -> None:
        """Send a `message`, which may be one and the same for many streams."""
        if self._left:
            raise Gone
        try:
            async with asyncio.timeout(PATIENCE):
                await self._send({"type": "http.response.body", "body": told, "more_body": True})
        except (TimeoutError, OSError) as error:
            self._left = True
            raise Gone from error

    async def _watch_leaving(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._left = True
        self._wake.set()
