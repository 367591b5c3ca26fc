"""Many open event streams in one thread, as cheap as can be: the reader must not be what is measured."""

import asyncio
import time
from dataclasses import dataclass, field

from tests.benchmarks.measuring import Server

AT_ONCE = 20
PATIENCE = 60.0


@dataclass
class Told:
    """When each stream was told of what it waits for; cleared before every round."""

    many: int
    at: list[float] = field(default_factory=list)
    all: asyncio.Event = field(default_factory=asyncio.Event)
    ended: list[bytes] = field(default_factory=list)

    def clear(self) -> None:
        self.at.clear()
        self.all.clear()

    def note(self) -> None:
        self.at.append(time.time())
        if len(self.at) >= self.many:
            self.all.set()

    async def last(self) -> float:
        """When the last of them was told."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self.all.wait()
        except TimeoutError:
            lost = f"; {len(self.ended)} have ended, one with {self.ended[0]!r}" if self.ended else ""
            raise SystemExit(f"Only {len(self.at)} of {self.many} streams were told{lost}.") from None
        return self.at[self.many - 1]


class _Reader(asyncio.Protocol):
    def __init__(self, request: bytes, awaited: bytes, told: Told) -> None:
        self.request, self.awaited, self.told = request, awaited, told
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.begun = self.last = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        if self.ready.done():
            self.last = data
            if self.awaited in data:
                self.told.note()
            return
        self.begun += data
        if b"event: ready" in self.begun:
            self.ready.set_result(None)
        elif b"\r\n\r\n" in self.begun and not self.begun.startswith(b"HTTP/1.1 200"):
            self.ready.set_exception(SystemExit(f"A stream was refused: {self.begun[:500]!r}"))

    def connection_lost(self, error: Exception | None) -> None:
        self.told.ended.append(self.last)
        if not self.ready.done():
            self.ready.set_exception(SystemExit("A stream ended before it began."))


class Streams:
    """`async with Streams(...)`: all are open. One for each of `credentials`."""

    def __init__(self, server: Server, path: str, header: str, credentials: list[str], event: str) -> None:
        self.server, self.event = server, event
        self.requests = [
            f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{server.port}\r\n{header}: {credential}\r\n\r\n".encode()
            for credential in credentials
        ]
        self.told = Told(len(self.requests))
        self.readers: list[_Reader] = []

    async def __aenter__(self) -> "Streams":
        gate = asyncio.Semaphore(AT_ONCE)

        async def opened(request: bytes) -> None:
            async with gate:
                loop = asyncio.get_running_loop()
                awaited = f"event: {self.event}".encode()
                _, reader = await loop.create_connection(
                    lambda: _Reader(request, awaited, self.told), "127.0.0.1", self.server.port
                )
                self.readers.append(reader)
                async with asyncio.timeout(PATIENCE):
                    await reader.ready

        await asyncio.gather(*(opened(request) for request in self.requests))
        return self

    async def __aexit__(self, *_: object) -> None:
        for reader in self.readers:
            reader.transport.close()
        await asyncio.sleep(1)
