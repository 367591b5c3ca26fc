"""Django's backend for PostgreSQL, which before every request asks a server whether it is there, and we do not."""

import select
from contextlib import suppress

from django.db.backends.postgresql import base
from psycopg import OperationalError


class DatabaseWrapper(base.DatabaseWrapper):
    def is_usable(self) -> bool:
        """Whether the server is still there: one that went has closed the line or said why, so only a line that has
        failed, or on which something has come, is tried by a statement."""
        return self._is_quiet() or super().is_usable()

    def _is_quiet(self) -> bool:
        if self.connection is None or self.errors_occurred:
            return False
        with suppress(OperationalError):  # known to be lost
            line = select.poll()
            line.register(self.connection.fileno(), select.POLLIN)
            return not line.poll(0)
        return False
