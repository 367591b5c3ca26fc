"""One thread of a control process that renews the leases of what it carries out, and gives up what hangs."""

import logging
import threading
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import Error, close_old_connections, connection

from environments import heartbeats
from environments.doing.progress import Progress
from environments.models import Heartbeat
from environments.runs import renew
from projects import correlation

logger = logging.getLogger(__name__)

RENEW_EVERY = 3.0
LOOK_EVERY = 0.5
# A step ends by itself when its time is up; one that hangs is given up this much later.
GRACE = 3.0
# Counted from the moment the last successful renewal was sent.
DOUBT_AFTER = 20.0


class Kept(ABC):
    """What the keeper needs to know of a run that is being carried out."""

    def __init__(self, run_id: uuid.UUID, attempt: int, holder: str) -> None:
        self.run_id = run_id
        self.attempt = attempt
        self.holder = holder
        self.why = ""
        self.ended = False  # its end is written, or known to be somebody else's to write
        self.renewed = time.monotonic()
        self.progress = Progress(self.write, float("inf"))

    @abstractmethod
    def write(self, text: str, stream: str) -> None:
        """A line of what it says."""

    @abstractmethod
    def overdue(self) -> None:
        """Called by the keeper when the step did not end by itself; again, where it could not be written down."""

    def begin(self, *, until: float) -> None:
        """A step begins, with a deadline on the monotonic clock."""
        self.progress = Progress(self.write, until, self.progress.interrupted, self.still_ours)

    def still_ours(self) -> bool:
        """False when the lease may be over without our knowing: the database was away, or this process was frozen."""
        if time.monotonic() - self.renewed < DOUBT_AFTER:
            return True
        self.interrupt("lost")
        return False

    def interrupt(self, why: str) -> None:
        self.why = self.why or why
        self.progress.interrupted.set()


class Keeper:
    """Started with the first run; one connection for all of them."""

    def __init__(self) -> None:
        self._kept: dict[int, Kept] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.closing = threading.Event()

    @contextmanager
    def watching(self, kept: Kept) -> Iterator[None]:
        with self._lock:
            self._kept[id(kept)] = kept
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._keep, name="keeper", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._kept.pop(id(kept), None)

    def give_back(self) -> None:
        """This process ends: what it carries out goes back into the queue, to be continued by another."""
        self.closing.set()
        with self._lock:
            present = list(self._kept.values())
        for kept in present:
            kept.interrupt("closing")

    def _keep(self) -> None:
        while True:
            with self._lock:
                present = list(self._kept.values())
                if not present:
                    # Ends here, under the lock: whoever comes next starts another.
                    self._thread = None
                    break
            for kept in present:
                self._guard(self._renew, kept)
                self._guard(self._look, kept)
            time.sleep(LOOK_EVERY)
        connection.close()

    def _renew(self, kept: Kept) -> None:
        if time.monotonic() - kept.renewed < RENEW_EVERY:
            return
        sent = time.monotonic()
        (renewal,) = renew.extend(kept.holder, [(kept.run_id, kept.attempt)])
        if not renewal.held:
            kept.interrupt("lost")
            return
        kept.renewed = sent
        if renewal.cancel:
            kept.interrupt("cancelled")
        # Those who look for work may all be carrying some out.
        heartbeats.beat(Heartbeat.Name.CONTROL)

    def _look(self, kept: Kept) -> None:
        if time.monotonic() > kept.progress.until + GRACE and not kept.ended:
            kept.overdue()

    def _guard(self, act: Callable[[Kept], None], kept: Kept) -> None:
        with correlation.work(run=kept.run_id):
            try:
                act(kept)
            except Error:
                # The database may be away for a moment; the lease lasts longer.
                close_old_connections()
            except Exception:
                logger.exception("The keeper stumbled")


KEEPER = Keeper()
