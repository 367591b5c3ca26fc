"""A new database is made in one go, one that was begun before goes on step by step: both end with the same tables."""

import os
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection
from psycopg import sql

from config.env import ROOT
from config.up import dumping, postgres

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(300)]
SERVER = os.environ["DATABASE_URL"].rpartition("/")[0]
EARLY = [("projects", "0007_forget_old_events"), ("environments", "0010_seen_from_outside")]
SQUASHED = {("projects", "0001_squashed_0013"), ("environments", "0001_squashed_0025")}
BEGIN = f"""
import django
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

django.setup()
executor = MigrationExecutor(connection)
executor.loader.replace_migrations = False
executor.loader.build_graph()
executor.migrate({EARLY})
"""


@pytest.fixture(scope="module")
def begun() -> Iterator[str]:
    """The owner's address of a database that an early version made."""
    name = f"begun_{os.getpid()}"
    with psycopg.connect(f"{SERVER}/postgres", autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            postgres.default_privileges(f"{SERVER}/{name}")
            run(f"{SERVER}/{name}", "-c", BEGIN)
            yield f"{SERVER}/{name}"
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def run(database: str, *python: str) -> None:
    there = {**os.environ, "DATABASE_URL": database, "DJANGO_SETTINGS_MODULE": "config.settings"}
    done = subprocess.run([sys.executable, *python], env=there, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def tables(database: str) -> list[str]:
    """Everything that it is made of, in no order: where a column stands among the others makes no difference."""
    tool = dumping.tool("pg_dump", dumping.major_of(database))
    command = [tool, "--schema-only", "--no-owner", "--dbname", database]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    return sorted(line.rstrip(",") for line in told.stdout.splitlines() if "restrict " not in line)


def made(database: str) -> set[tuple[str, str]]:
    with psycopg.connect(database) as there:
        return set(there.execute("SELECT app, name FROM django_migrations").fetchall())


def test_a_database_that_was_begun_before_ends_with_the_tables_of_a_new_one(begun: str) -> None:
    assert made(begun).issuperset(EARLY)

    run(begun, "-m", "config.up.prepare")

    assert tables(begun) == tables(f"{SERVER}/{connection.settings_dict['NAME']}")
    assert made(begun) >= SQUASHED


def test_one_that_has_made_every_step_is_known_to_have_made_what_they_are_now(begun: str) -> None:
    run(begun, "-m", "config.up.prepare")
    with psycopg.connect(begun) as there:
        there.execute("DELETE FROM django_migrations WHERE name LIKE '0001_squashed%'")

    run(begun, "-m", "config.up.prepare")

    assert made(begun) >= SQUASHED
