"""The lines of one attempt, numbered, kept until the control plane has them."""

import threading
import time
from datetime import UTC, datetime
from typing import Any

from towpath.worker.control_plane import Refused, Unreachable
from towpath.worker.session import Session

CHUNK_LINES = 400
CHUNK_BYTES = 200_000
FULL = 20_000  # lines not yet sent: whoever reads a step's output waits, the output itself lies on disk


class RunLog:
    def __init__(self, run: str, attempt: int) -> None:
        self.run = run
        self.attempt = attempt
        self._lines: list[dict[str, Any]] = []
        self._sent = 0
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._closed = False

    def add(self, *, step: int, stream: str, text: str) -> None:
        line = {"at": datetime.now(UTC).isoformat(), "step": step, "stream": stream, "text": text}
        with self._lock:
            self._lines.append(line)

    @property
    def is_full(self) -> bool:
        return len(self._lines) >= FULL

    def send(self, session: Session) -> bool:
        """Send one chunk; true when there may be more. A repeat is harmless: the offset says where it belongs."""
        with self._sending:
            with self._lock:
                chunk: list[dict[str, Any]] = []
                size = 0
                for line in self._lines[:CHUNK_LINES]:
                    size += len(line["text"]) + 80
                    if chunk and size > CHUNK_BYTES:
                        break
                    chunk.append(line)
            if not chunk or self._closed:
                return False
            body = {"attempt": self.attempt, "offset": self._sent, "lines": chunk}
            try:
                session.call(f"/runs/{self.run}/log-chunks", body, timeout=10)
            except Unreachable:
                return False
            except Refused:
                self._closed = True  # an older attempt's lines: nobody wants them any more
                return False
            with self._lock:
                del self._lines[: len(chunk)]
                self._sent += len(chunk)
                return bool(self._lines)

    def send_all(self, session: Session) -> None:
        while self.send(session):
            continue

    def flush(self, session: Session, *, within: float) -> None:
        until = time.monotonic() + within
        while self._lines and not self._closed and time.monotonic() < until:
            if not self.send(session) and self._lines and not self._closed:
                time.sleep(0.2)
