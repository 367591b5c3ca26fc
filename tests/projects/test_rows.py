"""Statements that are planned once for a connection, and where they are not."""

import pytest
from django.db import connection
from django.db.backends.postgresql.base import Cursor

from projects import rows

pytestmark = pytest.mark.django_db


def prepared() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%%planned once%%'")
        return int(cursor.fetchone()[0])


def ask(value: int) -> int:
    with rows.planned(), connection.cursor() as cursor:
        cursor.execute("SELECT %s::int + 0 /* planned once */", [value])
        return int(cursor.fetchone()[0])


def test_a_statement_is_planned_once_whatever_its_values() -> None:
    assert [ask(value) for value in (1, 2, 3)] == [1, 2, 3]
    assert prepared() == 1


def test_what_is_asked_afterwards_is_asked_as_ever_also_where_a_planned_one_failed() -> None:
    with pytest.raises(ZeroDivisionError), rows.planned():
        raise ZeroDivisionError
    with rows.planned(), rows.planned():
        pass

    assert connection.connection.cursor_factory is Cursor and connection.connection.prepare_threshold is None


@pytest.mark.parametrize("why", ["a pooler stands in between", "somebody traces what is asked"])
def test_nothing_is_planned_ahead_where(why: str, settings, monkeypatch) -> None:
    connection.ensure_connection()
    before = prepared()
    if "pooler" in why:
        settings.TOWPATH_POOLED = True
    else:
        monkeypatch.setattr(connection.connection, "cursor_factory", type("Traced", (Cursor,), {}))

    assert ask(4) == 4
    assert prepared() == before
