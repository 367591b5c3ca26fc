"""An end for conversations whose other side could go on, slowly, for ever."""

import socket
import threading
from contextlib import suppress
from types import TracebackType


class Deadline:
    """A socket's own timeout begins anew with every byte; this one counts from the beginning and cuts the line."""

    def __init__(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._line: socket.socket | None = None
        self._over = False

    def watch(self, line: socket.socket | None) -> None:
        """The line to cut; one that begins when the time is over, by being asked again, is cut at once."""
        self._line = line
        if self._over:
            self._cut()

    def __enter__(self) -> "Deadline":
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()

    def _cut(self) -> None:
        self._over = True
        if self._line is not None:
            with suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)
