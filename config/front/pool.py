"""Django's pages and REST in a bounded pool of threads, which waits neither for bodies nor for slow readers."""

import asyncio
import io
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any

from a2wsgi import WSGIMiddleware

from config.front.bodies import Body, files
from environments.stream.asgi import Message, Receive, Scope, Send
from projects.errors import Refused

THREADS = 8
LONGEST_QUEUE = 400
BLOCK = 256 * 1024
BODY = "towpath.body"
FILE = "towpath.file"


class Busy(Refused):
    """More requests wait than could be answered in any useful time."""

    code = "busy"
    title = "Busy"
    http_status = 503


class Handed:
    """An open file that Django answers with: read outside of the pool, at its reader's pace."""

    def __init__(self, file: IO[bytes], block: int = BLOCK) -> None:
        self.file = file

    def __iter__(self) -> Iterator[bytes]:
        while block := self.file.read(BLOCK):
            yield block

    def close(self) -> None:
        self.file.close()


class Pool:
    """An ASGI application around a WSGI one."""

    def __init__(self, application: Callable[..., Iterable[bytes]], *, threads: int = THREADS) -> None:
        self._application = application
        call: Any = self._call
        self._bridge: Any = WSGIMiddleware(call, workers=threads)
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._waiting >= LONGEST_QUEUE:
            raise Busy("Too many requests are waiting; try again in a few seconds.")
        self._waiting += 1
        # What Django has made is taken from its thread at once, so that a slow reader holds no thread.
        made: asyncio.Queue[Message | None] = asyncio.Queue()
        work = asyncio.create_task(self._work(scope, receive, made))
        try:
            while (message := await made.get()) is not None:
                if FILE in scope and message["type"] == "http.response.body" and not message.get("more_body"):
                    await _send_file(scope.pop(FILE), send)
                else:
                    await send(message)
            await work
        finally:
            if FILE in scope:
                scope.pop(FILE).close()

    async def _work(self, scope: Scope, receive: Receive, made: asyncio.Queue[Message | None]) -> None:
        try:
            await self._bridge(scope, receive, made.put)
        finally:
            self._waiting -= 1
            made.put_nowait(None)

    def _call(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        scope = environ["asgi.scope"]
        body: Body | None = scope.get(BODY)
        environ["wsgi.input"] = body.file if body else io.BytesIO()
        environ["CONTENT_LENGTH"] = str(body.size) if body else "0"
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ["wsgi.file_wrapper"] = Handed
        result = self._application(environ, start_response)
        if isinstance(result, Handed):
            scope[FILE] = result
            return ()
        return result


async def _send_file(handed: Handed, send: Send) -> None:
    loop = asyncio.get_running_loop()
    try:
        while block := await loop.run_in_executor(files, handed.file.read, BLOCK):
            await send({"type": "http.response.body", "body": block, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        await loop.run_in_executor(files, handed.close)
