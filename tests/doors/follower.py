"""A client of the stream of events as one is written for scripts: cut off, it comes back and names what it had last."""

import contextlib
import queue
import threading
from typing import Self

import httpx

from tests.doors.web import listening


class Follower:
    """Follows in a thread of its own; `heard` holds the id of each event in the order in which it came."""

    def __init__(self, url: str, headers: dict[str, str], *, after: str) -> None:
        self.url = url
        self.headers = headers
        self.last = after
        self.heard: list[str] = []
        self.connections = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)

    def _follow(self) -> None:
        while not self._stop.wait(0.1):
            # Cut off, or refused while the server starts.
            with contextlib.suppress(httpx.HTTPError, AssertionError):
                self._listen()

    def _listen(self) -> None:
        with listening(self.url, {**self.headers, "last-event-id": self.last}) as stream:
            self.connections += 1
            while not self._stop.is_set():
                with contextlib.suppress(queue.Empty):
                    if (message := stream.next(within=0.5, beats=True)) is None:
                        return
                    if message.event == "event":
                        self.last = message.id
                        self.heard.append(message.id)
