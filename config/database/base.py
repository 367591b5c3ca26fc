"""Django's backend for PostgreSQL, which before every request asks a server whether it is there, and we do not."""

import select
import time
from contextlib import suppress

from django.db.backends.postgresql import base
from psycopg import OperationalError
from psycopg.pq import TransactionStatus

# Seconds for which a line that is quiet is taken for one with a server at its other end.
TRUSTED = 5.0


class DatabaseWrapper(base.DatabaseWrapper):
    _answered_at = 0.0

    def connect(self) -> None:
        super().connect()
        self._answered_at = time.monotonic()

    def is_usable(self) -> bool:
        """Whether the server is still there. One that went has closed the line or said why; one that vanished without a
        word is asked for every few seconds."""
        if self._is_quiet():
            return True
        usable = super().is_usable()
        if usable:
            self._answered_at = time.monotonic()
        return usable

    def _is_quiet(self) -> bool:
        if self.connection is None or self.errors_occurred or time.monotonic() > self._answered_at + TRUSTED:
            return False
        with suppress(OperationalError):  # known to be lost
            line = select.poll()
            line.register(self.connection.fileno(), select.POLLIN)
            return self.connection.info.transaction_status == TransactionStatus.IDLE and not line.poll(0)
        return False
