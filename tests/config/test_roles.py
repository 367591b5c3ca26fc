"""What the application's database role may not do, whatever its code would try."""

import os

import pytest
from django.db import ProgrammingError, connection, transaction
from psycopg.errors import InsufficientPrivilege

from config.up import postgres

IMMUTABLE = ["projects_release", "projects_event", "environments_deployment"]

pytestmark = pytest.mark.django_db


def refused(statement: str) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    except ProgrammingError as reason:
        return isinstance(reason.__cause__, InsufficientPrivilege)
    return False


def tables() -> list[str]:
    with connection.cursor() as cursor:
        return connection.introspection.table_names(cursor)


def test_tests_work_in_the_applications_role() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == (postgres.APP,)


@pytest.mark.parametrize("table", IMMUTABLE)
def test_rows_that_are_immutable_can_only_be_added_and_read(table: str) -> None:
    assert table in tables()
    assert refused(f"DELETE FROM {table}")
    assert refused(f"UPDATE {table} SET id = id")
    assert not refused(f"SELECT count(*) FROM {table}")


def test_no_table_can_be_emptied_dropped_or_changed() -> None:
    for table in tables():
        assert refused(f"TRUNCATE {table}"), table
        assert refused(f"DROP TABLE {table}"), table
        assert refused(f"ALTER TABLE {table} DISABLE TRIGGER ALL"), table


def test_every_other_table_can_be_worked_with() -> None:
    with connection.cursor() as cursor:
        for table in set(tables()) - {*IMMUTABLE}:
            cursor.execute(
                "SELECT has_table_privilege(%s, 'SELECT') AND has_table_privilege(%s, 'INSERT')", [table, table]
            )
            assert cursor.fetchone() == (True,), table


def test_nothing_new_can_be_made_and_the_guards_cannot_be_silenced() -> None:
    assert refused("CREATE TABLE planted (id int)")
    assert refused("CREATE FUNCTION planted() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    # Connected in its own name, as the application is: here the owner's session could switch the role back.
    with postgres.connect(as_application()) as own, pytest.raises(InsufficientPrivilege):
        own.execute("SET session_replication_role = replica")


def as_application() -> str:
    settings = connection.settings_dict
    password = os.environ["TOWPATH_TEST_APP_PASSWORD"]
    return f"postgresql://{postgres.APP}:{password}@{settings['HOST']}:{settings['PORT']}/{settings['NAME']}"
