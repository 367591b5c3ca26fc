"""What the application's database role may not do, whatever its code would try."""

import os
from importlib import import_module
from urllib.parse import quote

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg.errors import InsufficientPrivilege, RestrictViolation

from config.up import postgres, servers
from tests import builders

# A role that every PostgreSQL has, standing for one that an installation named in its own way.
ANOTHER = "pg_monitor"

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


@pytest.mark.parametrize("table", postgres.IMMUTABLE)
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
        for table in set(tables()) - {*postgres.IMMUTABLE}:
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


def kept(statement: str) -> bool:
    """Whether the database holds on to its rows, whoever asks."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    except IntegrityError as reason:
        return isinstance(reason.__cause__, RestrictViolation)
    return False


def test_an_event_stays_also_for_a_role_that_was_given_every_right() -> None:
    builders.organization()
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
        cursor.execute(f"GRANT UPDATE, DELETE ON projects_event TO {postgres.APP}")
        cursor.execute(f"SET ROLE {postgres.APP}")
        cursor.execute("SET LOCAL towpath.retention = 'on'")
    assert kept("DELETE FROM projects_event")
    assert kept("UPDATE projects_event SET kind = 'organization.forgotten'")


def test_an_event_is_deleted_by_the_owner_who_says_that_it_is_too_old() -> None:
    builders.organization()
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
        assert kept("DELETE FROM projects_event")
        cursor.execute("SET LOCAL towpath.retention = 'on'")
        assert kept("UPDATE projects_event SET kind = 'organization.forgotten'")
        cursor.execute("DELETE FROM projects_event")
        assert cursor.rowcount == 1


def test_a_role_of_any_name_loses_what_it_was_given_on_rows_that_stay() -> None:
    migration = import_module("projects.migrations.0006_events_stay")
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
        cursor.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON projects_event, projects_app TO {ANOTHER}")
        cursor.execute(migration.REVOKE)
        assert rights(cursor, "projects_event") == {"SELECT", "INSERT"}
        assert rights(cursor, "projects_app") == {"SELECT", "INSERT", "UPDATE", "DELETE"}


def test_a_role_that_was_given_everything_since_loses_it_at_the_next_start() -> None:
    settings = connection.settings_dict
    owner = os.environ["DATABASE_URL"].rpartition("/")[0] + f"/{settings['NAME']}"
    with postgres.connect(owner) as given:
        given.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(postgres.IMMUTABLE)} TO {ANOTHER}")

    servers.grant_given(servers.Servers(owner_url=owner, app_url=f"postgresql://{ANOTHER}@127.0.0.1/towpath"))

    with connection.cursor() as cursor:
        for table in postgres.IMMUTABLE:
            assert rights(cursor, table) == {"SELECT", "INSERT"}


def rights(cursor: CursorWrapper, table: str) -> set[str]:
    found = set()
    for right in ("SELECT", "INSERT", "UPDATE", "DELETE"):
        cursor.execute("SELECT has_table_privilege(%s, %s, %s)", [ANOTHER, table, right])
        if cursor.fetchone() == (True,):
            found.add(right)
    return found


def as_application() -> str:
    settings = connection.settings_dict
    password, place = os.environ["TOWPATH_TEST_APP_PASSWORD"], quote(settings["HOST"], safe="")
    return f"postgresql://{postgres.APP}:{password}@{place}:{settings['PORT']}/{settings['NAME']}"
