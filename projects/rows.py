"""One row by a statement that is written once, for what every page begins with: to compose it anew takes twice as long
as to run it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql.base import Cursor
from psycopg._queries import PostgresQuery

M = TypeVar("M", bound=models.Model)


def lookup(model: type[M], condition: str) -> Callable[..., M | None]:
    """The function that takes the condition's values and answers the row, or None."""
    fields = [field.attname for field in model._meta.concrete_fields]
    columns = ", ".join(str(field.column) for field in model._meta.concrete_fields)
    statement = f"SELECT {columns} FROM {model._meta.db_table} WHERE {condition}"

    def look(*values: Any) -> M | None:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            found = cursor.fetchone()
        return model.from_db(connection.alias, fields, found) if found else None

    return look


class PlannedCursor(psycopg.Cursor[Any]):
    """Which also tells the log of statements what it asked when that was planned before."""

    def _send_query_prepared(self, name: bytes, pgq: PostgresQuery, *, binary: bool | None = None) -> None:
        self._query = pgq
        super()._send_query_prepared(name, pgq, binary=binary)


@contextmanager
def planned() -> Iterator[BaseDatabaseWrapper]:
    """Around statements that are always the same but for their values: each connection's database plans them once and
    not each time, which for a statement of many parts takes longer than to run it. Gives this thread's connection.

    Not where that is turned off, and not where somebody watches what is asked by a cursor of their own.
    """
    database = connections[DEFAULT_DB_ALIAS]
    database.ensure_connection()
    link = database.connection
    if link.cursor_factory is not Cursor or settings.TOWPATH_POOLED:
        yield database
        return
    link.cursor_factory, link.prepare_threshold = PlannedCursor, 0
    try:
        yield database
    finally:
        link.cursor_factory, link.prepare_threshold = Cursor, None
