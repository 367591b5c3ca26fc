"""A real web process and a reader of its streams, for the tests of what is live."""

import contextlib
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.patience import patience
from tests.tying import tied

ROOT = Path(__file__).resolve().parents[2]


class Web:
    """The server that `make up` runs, on a listening socket that outlives it."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Web":
        command = tied([sys.executable, "-m", "config.up.web"])
        self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdin=self.listener)
        until = time.monotonic() + patience(30)
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/live", timeout=5).status_code == 401:
                    return self
            assert self.process.poll() is None and time.monotonic() < until, "the web process did not start"
            time.sleep(0.1)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """How long it took to end, in seconds."""
        assert self.process is not None
        begun = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(20)
        self.process = None
        return time.monotonic() - begun

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
        self.listener.close()


@contextlib.contextmanager
def web(environment: dict[str, str]) -> Iterator[Web]:
    server = Web(environment)
    try:
        yield server.start()
    finally:
        server.close()


@dataclass
class Message:
    event: str = ""
    data: str = ""
    id: str = ""
    at: float = 0.0


@dataclass
class Stream:
    """One open stream, read in a thread of its own; `messages` ends with None when the server ends it."""

    response: httpx.Response
    messages: "queue.Queue[Message | None]" = field(default_factory=queue.Queue)
    last_id: str = ""

    def read(self) -> None:
        with contextlib.suppress(httpx.HTTPError, httpx.StreamError):
            message, empty = Message(), True
            for line in self.response.iter_lines():
                if not line:
                    if not empty:
                        message.at = time.monotonic()
                        self.messages.put(message)
                    message, empty = Message(), True
                    continue
                name, _, value = line.partition(": ")
                if name == "data":
                    message.data += ("\n" if message.data else "") + value
                elif name in ("event", "id"):
                    setattr(message, name, value)
                empty = empty and name == "retry"
        self.messages.put(None)

    def next(self, *, within: float = 5.0, beats: bool = False) -> Message | None:
        until = time.monotonic() + patience(within)
        while True:
            message = self.messages.get(timeout=max(0.01, until - time.monotonic()))
            if message is not None and message.id:
                self.last_id = message.id
            if message is None or beats or message.event != "beat":
                return message


@contextlib.contextmanager
def listening(url: str, headers: dict[str, str]) -> Iterator[Stream]:
    """A stream that has said that it is ready."""
    with (
        httpx.Client(timeout=httpx.Timeout(5, read=60)) as client,
        client.stream("GET", url, headers=headers) as response,
    ):
        if response.status_code != 200:
            response.read()
            raise AssertionError(f"{response.status_code}: {response.text}")
        stream = Stream(response)
        thread = threading.Thread(target=stream.read, daemon=True)
        thread.start()
        assert (first := stream.next()) is not None and first.event in {"ready", "reset"}, first
        yield stream
