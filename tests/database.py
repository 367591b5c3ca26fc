"""The database of the tests: made by its owner, used in the application's role, emptied by DELETE."""

import os
from collections.abc import Iterable

import psycopg
from django.db import connections
from django.test.utils import setup_databases
from psycopg import sql

# What migrations fill and tests only read.
KEPT = {"django_migrations", "django_content_type", "auth_permission"}


def clone(name: str) -> None:
    """Make this process's database, as its owner, from the migrated template (or by migrating, where there is none)."""
    template = os.environ.get("TOWPATH_TEST_TEMPLATE")
    if not template:
        setup_databases(verbosity=0, interactive=False, parallel=0)
        return
    with psycopg.connect(os.environ["DATABASE_URL"].rpartition("/")[0] + "/postgres", autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
    connections["default"].close()
    connections.databases["default"]["NAME"] = connections["default"].settings_dict["NAME"] = name


def act_as_application() -> None:
    """From now on every connection of this process works with the application's rights."""
    role = os.environ.get("TOWPATH_TEST_APP_ROLE")
    if role:
        connections.databases["default"].setdefault("OPTIONS", {})["assume_role"] = role
        connections["default"].close()


def sweep(databases: Iterable[str] = ("default",)) -> None:
    """Empty every table that has rows, also those that refuse it (TRUNCATE of 60 tables costs ten times as much)."""
    for alias in databases:
        connection = connections[alias]
        with connection.cursor() as cursor:
            if os.environ.get("TOWPATH_TEST_APP_ROLE"):
                cursor.execute("RESET ROLE")
            # In this mode neither triggers nor foreign keys speak, so the order of the tables does not matter.
            cursor.execute("SET session_replication_role = replica")
            tables = [table for table in connection.introspection.table_names(cursor) if table not in KEPT]
            quoted = [connection.ops.quote_name(table) for table in tables]
            if quoted:
                cursor.execute(
                    " UNION ALL ".join(f"SELECT {n} WHERE EXISTS (SELECT 1 FROM {t})" for n, t in enumerate(quoted))
                )
                for (n,) in cursor.fetchall():
                    cursor.execute(f"DELETE FROM {quoted[n]}")
            cursor.execute("RESET session_replication_role")
        connection.close()
