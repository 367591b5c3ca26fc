"""Bodies are taken in here, counted and timed, before any thread waits for them."""

import asyncio
import io
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from environments.stream.asgi import Message, Receive, Scope, header
from projects.errors import Malformed, Refused, TooLarge

IN_MEMORY = 64 * 1024
files = ThreadPoolExecutor(max_workers=4, thread_name_prefix="files")


@dataclass(frozen=True)
class Limit:
    """At most `size` bytes, never slower after `grace` seconds than `rate` bytes a second.

    `at_once` of them in all, and `of_one` who is known.
    """

    size: int
    at_once: int = 1000
    of_one: int = 1000
    grace: float = 10.0
    rate: int = 20_000
    longest: float = 3600.0

    def until(self, received: int) -> float:
        return min(self.grace + received / self.rate, self.longest)


class TooSlow(Refused):
    """The body came slower than anybody's line is."""

    code = "too-slow"
    title = "Too slow"
    http_status = 408


class Body:
    """A whole body: a few kilobytes in memory, more in a file that nobody else can open."""

    def __init__(self) -> None:
        self.file: IO[bytes] = io.BytesIO()
        self.size = 0
        self._on_disk = False

    async def add(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if not self._on_disk and self.size > IN_MEMORY:
            self.file.seek(0)
            kept, self._on_disk = self.file.read(), True
            self.file = tempfile.TemporaryFile(prefix="towpath-body-")  # noqa: SIM115 whoever reads the body closes it
            self.file.write(kept)
        if self.size > 1_000_000:
            # A disk that is busy must hold up this upload alone.
            await asyncio.get_running_loop().run_in_executor(files, self.file.write, chunk)
        else:
            self.file.write(chunk)

    def receive(self, then: Receive) -> Receive:
        """The body as one message, for doors that read it from ASGI; what comes after it is `then`'s to tell."""
        given = False

        async def message() -> Message:
            nonlocal given
            if given:
                return await then()
            given = True
            return {"type": "http.request", "body": self.file.read(), "more_body": False}

        return message

    def close(self) -> None:
        with suppress(OSError):  # what a full disk has not taken goes with the rest
            self.file.close()


def announced(scope: Scope) -> bool:
    """Whether this request has a body at all."""
    return header(scope, b"content-length") not in {"", "0"} or bool(header(scope, b"transfer-encoding"))


def fits(scope: Scope, limit: Limit) -> bool:
    """Whether it says of itself that it is no larger than this."""
    length = _length(scope)
    return length is not None and length <= limit.size


def _length(scope: Scope) -> int | None:
    given = header(scope, b"content-length")
    return int(given) if given.isdigit() else None


async def take_in(scope: Scope, receive: Receive, limit: Limit) -> Body:
    """The whole body, rewound; the caller closes it."""
    body, length = Body(), _length(scope)
    if length is not None and length > limit.size:
        raise _too_large(limit)
    begun = time.monotonic()
    try:
        while True:
            async with asyncio.timeout(max(0.0, begun + limit.until(body.size) - time.monotonic())):
                message = await receive()
            if message["type"] == "http.disconnect":
                raise Malformed("The request ended before its body did.")
            await body.add(message.get("body", b""))
            if body.size > limit.size:
                raise _too_large(limit)
            if not message.get("more_body"):
                body.file.seek(0)
                return body
    except TimeoutError:
        body.close()
        raise TooSlow("The request's body came too slowly; send it again over a faster line.") from None
    except BaseException:
        body.close()
        raise


def _too_large(limit: Limit) -> TooLarge:
    return TooLarge(f"The request's body is larger than {limit.size:,} bytes, the most this address takes from you.")
