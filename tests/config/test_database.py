"""A connection that was kept costs a request no question, and is replaced as soon as its server has gone."""

import psycopg
import pytest
from django.db import connection

from config.database import base

pytestmark = pytest.mark.django_db(transaction=True)


def who_serves() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def begin_a_request() -> None:
    connection.health_check_enabled, connection.health_check_done = True, False


def test_a_quiet_line_is_asked_every_few_seconds_and_not_before_every_request(monkeypatch: pytest.MonkeyPatch) -> None:
    begin_a_request()
    served_by = who_serves()
    told: list[object] = []
    execute = psycopg.Cursor.execute
    monkeypatch.setattr(psycopg.Cursor, "execute", lambda *words: told.append(words[1]) or execute(*words))

    begin_a_request()
    assert who_serves() == served_by
    assert told == ["SELECT pg_backend_pid()"]
    monkeypatch.setattr(base, "TRUSTED", 0.0)
    begin_a_request()
    assert who_serves() == served_by
    assert told[1:] == ["SELECT 1", "SELECT pg_backend_pid()"]


def test_a_connection_that_its_server_ended_is_replaced_before_a_request_uses_it() -> None:
    served_by = who_serves()
    given = connection.settings_dict
    parts = {"host": given["HOST"], "port": given["PORT"], "user": given["USER"], "password": given["PASSWORD"]}
    with psycopg.connect(**parts, dbname=given["NAME"], autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [served_by])

    begin_a_request()

    assert who_serves() != served_by


def test_a_line_that_is_known_to_be_lost_is_not_usable() -> None:
    who_serves()
    connection.connection.close()

    assert not connection.is_usable()
    connection.close()
