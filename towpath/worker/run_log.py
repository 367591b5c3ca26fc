"""The lines of one attempt, numbered, kept until the control plane has them."""

import threading
import time
from datetime import UTC, datetime
from typing import Any

from towpath.worker import messages
from towpath.worker.control_plane import NotWelcome, Refused, Unreachable
from towpath.worker.masks import NOTHING, Masks
from towpath.worker.session import Session

CHUNK_LINES = 400
# What is not sent yet. Whoever reads a step's output waits then; the output itself lies on disk.
FULL, FULL_TEXT = 20_000, 16 << 20  # lines, characters
LONGEST = 20_000  # characters; the control plane cuts at fewer


class RunLog:
    """Output is masked where it is read, before anything of it is cut; notes are masked here."""

    def __init__(self, run: str, attempt: int, *, masks: Masks = NOTHING, traceparent: str = "") -> None:
        self.run = run
        self.attempt = attempt
        self.masks = masks
        self.traceparent = traceparent
        self._lines: list[dict[str, Any]] = []
        self._sent = 0
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._closed = False

    def add(self, *, step: int, stream: str, text: str) -> None:
        line = {
            "at": datetime.now(UTC).isoformat(),
            "step": step,
            "stream": stream,
            "text": messages.cut(self.masks.hide_text(text) if stream == "note" else text, LONGEST),
        }
        with self._lock:
            if not self._closed:
                self._lines.append(line)

    @property
    def is_full(self) -> bool:
        with self._lock:
            return len(self._lines) >= FULL or sum(len(line["text"]) for line in self._lines) >= FULL_TEXT

    def send(self, session: Session) -> bool:
        """Send one chunk; true when there may be more. A repeat is harmless: the offset says where it belongs."""
        with self._sending:
            with self._lock:
                chunk = messages.fitting(self._lines, most=CHUNK_LINES)
            if not chunk or self._closed:
                return False
            body = {"attempt": self.attempt, "offset": self._sent, "lines": chunk}
            try:
                path = f"/runs/{self.run}/log-chunks"
                answer = session.call(path, body, timeout=10, traceparent=self.traceparent)
            except (Unreachable, NotWelcome):
                return False
            except Refused as refusal:
                return self._refused(chunk, refusal)
            with self._lock:
                del self._lines[: len(chunk)]
                self._sent += len(chunk)
                if answer.get("full"):
                    # It keeps no more of this run: a step that writes without end is not sent any further.
                    self._closed = True
                    self._lines.clear()
                return bool(self._lines)

    def _refused(self, chunk: list[dict[str, Any]], refusal: Refused) -> bool:
        """Lines of an older attempt are wanted by nobody; what is refused for itself must not hold up the rest."""
        with self._lock:
            last_word = len(chunk) == 1 and chunk[0].get("stream") == "note"
            if refusal.status in (404, 409, 410) or last_word:
                self._closed = True
                self._lines.clear()
                return False
            text = f"[{len(chunk)} lines are missing here: {refusal}]"
            self._lines[: len(chunk)] = [{**chunk[0], "stream": "note", "text": text}]
            return True

    def send_all(self, session: Session) -> None:
        while self.send(session):
            continue

    def flush(self, session: Session, *, within: float) -> None:
        until = time.monotonic() + within
        while self._lines and not self._closed and time.monotonic() < until:
            if not self.send(session) and self._lines and not self._closed:
                time.sleep(0.2)
