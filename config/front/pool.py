"""Django's pages and REST in a bounded pool of threads, which waits neither for bodies nor for slow readers."""

import asyncio
import io
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any

from a2wsgi.wsgi import WSGIResponder

from config.front.bodies import Body, files
from environments.stream.asgi import Receive, Scope, Send
from projects.errors import Refused

THREADS = 8
LONGEST_QUEUE = 400
BLOCK = 256 * 1024
# Who takes less than a block of a file in so many seconds is given up: the file lies there for as long as they read.
PATIENCE = 60.0
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


class _Responder(WSGIResponder):
    """What Django has made leaves its thread at once: the library's own waits until the reader has taken it."""

    def __init__(self, call: Any, threads: ThreadPoolExecutor, done: Callable[[], None]) -> None:
        super().__init__(call, threads, 0)
        self.done = done
        self.begun = self.left = False

    def wsgi(self, environ: Any, start_response: Any) -> None:
        self.begun = True
        try:
            super().wsgi(environ, start_response)
        finally:
            self.loop.call_soon_threadsafe(self.leave)

    def leave(self) -> None:
        """Give the place in the queue back, once, whoever comes to it first."""
        if not self.left:
            self.left = True
            self.done()

    def send(self, message: Any) -> None:
        self.loop.call_soon_threadsafe(self.send_queue.put_nowait, message)


class Pool:
    """An ASGI application around a WSGI one."""

    def __init__(self, application: Callable[..., Iterable[bytes]], *, threads: int = THREADS) -> None:
        self._application = application
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="pages")
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._waiting >= LONGEST_QUEUE:
            raise Busy("Too many requests are waiting; try again in a few seconds.")
        responder = _Responder(self._call, self._threads, self._one_less)
        self._waiting += 1

        async def told(message: Any) -> None:
            if FILE in scope and message["type"] == "http.response.body" and not message.get("more_body"):
                await _send_file(scope.pop(FILE), send)
            else:
                await send(message)

        respond: Any = responder
        try:
            await respond(scope, receive, told)
        finally:
            if not responder.begun:
                # Broken before it was handed to a thread, or given up while it waited for one.
                responder.leave()
            if FILE in scope:
                scope.pop(FILE).close()

    def _one_less(self) -> None:
        self._waiting -= 1

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
        block = b"-"
        while block:
            block = await loop.run_in_executor(files, handed.file.read, BLOCK)
            async with asyncio.timeout(PATIENCE):
                await send({"type": "http.response.body", "body": block, "more_body": bool(block)})
    except TimeoutError:
        return  # without its end, so that the server cuts the connection
    finally:
        await loop.run_in_executor(files, handed.close)
