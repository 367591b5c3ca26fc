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
    """`async with Stream(...)` starts the answer; it sleeps on `names` and ends with the reader or the process.

    A thousand streams are woken and told at once, so no timer is made for a sleep or a message: each stream has one,
    which looks what is due when it goes off.
    """

    def __init__(self, receive: Receive, send: Send, hub: Hub, *names: str) -> None:
        self._receive, self._send, self._hub = receive, send, hub
        self._sleeping = hub.waiting.on(*names)
        self._left = False
        self._until: float | None = None  # it sleeps, at most until then
        self._sending: float | None = None  # since when
        self._lost_patience = False

    async def __aenter__(self) -> "Stream":
        self._hub.start()
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        self._timer = self._loop.call_later(PATIENCE, self._look)
        self._wake = self._sleeping.__enter__()
        self._watch = asyncio.create_task(self._watch_leaving())
        try:
            await self._send({"type": "http.response.start", "status": 200, "headers": list(HEADERS)})
            with suppress(Gone):  # which the next message finds out, too
                await self.pass_on(f"retry: {RETRY_MS}\n\n".encode())
        except BaseException:
            self._rest()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self._rest()
        if not self._left and kind in (None, Gone):
            with suppress(TimeoutError, OSError):
                async with asyncio.timeout(1):
                    await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        return kind is Gone

    def _rest(self) -> None:
        self._sleeping.__exit__(None, None, None)
        self._watch.cancel()
        self._timer.cancel()

    @property
    def ending(self) -> bool:
        return self._left or self._hub.closing

    async def sleep(self, seconds: float) -> bool:
        """Until something is rung (True) or the time is over (False); Gone when there is nobody to tell."""
        self._until = until = self._loop.time() + max(0.0, seconds)
        if until < self._timer.when():
            self._look_again(until)
        try:
            await self._wake.wait()
        finally:
            self._until = None
        self._wake.clear()
        if self.ending:
            raise Gone
        return self._loop.time() < until

    async def tell(self, event: str, data: str, *, id: object = None) -> None:
        await self.pass_on(message(event, data, id=id))

    async def pass_on(self, told: bytes) -> None:
        """Send a `message`, which may be one and the same for many streams."""
        if self._left:
            raise Gone
        self._sending = self._loop.time()
        try:
            await self._send({"type": "http.response.body", "body": told, "more_body": True})
        except asyncio.CancelledError:
            # As asyncio's own timeouts do: who else has cancelled this task is obeyed.
            if self._lost_patience and self._task is not None and self._task.uncancel() == 0:
                self._left = True
                raise Gone from None
            raise
        except OSError as error:
            self._left = True
            raise Gone from error
        finally:
            self._sending = None

    def _look(self) -> None:
        """Wake what has slept long enough, give up a reader who takes nothing, and look again when that may be."""
        now = self._loop.time()
        if self._sending is not None and now >= self._sending + PATIENCE and self._task is not None:
            self._lost_patience = True
            self._task.cancel()
            return
        if self._until is not None and now >= self._until:
            self._wake.set()
            self._until = None
        due = [now + PATIENCE if self._sending is None else self._sending + PATIENCE]
        self._look_again(min(due if self._until is None else [*due, self._until]))

    def _look_again(self, at: float) -> None:
        self._timer.cancel()
        self._timer = self._loop.call_at(at, self._look)

    async def _watch_leaving(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._left = True
        self._wake.set()
