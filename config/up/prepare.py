"""Bring database, static files and first sign-in to the state of the code; run by the parent before all else."""

import hashlib
import os
import sys
from pathlib import Path

import django
from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import CommandError, call_command
from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from config import env


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        django.setup()
    except env.BadSetting as reason:
        print(reason)
        sys.exit(env.BAD_SETTING)
    try:
        migrate()
        call_command("check_master_keys")
    except CommandError as refusal:
        print(refusal)
        sys.exit(env.BAD_SETTING)
    collect()
    if application := os.environ.get("DATABASE_APP_URL"):
        # From here on with the application's rights, as everything that acts; one start of Python instead of two.
        connections.close_all()
        connections.databases["default"].update(env.database(application))
        call_command("first_run")


def migrate() -> None:
    """Bring the tables to the state of the code; looking whether there is anything to do is the common case."""
    connection = connections["default"]
    with connection.cursor() as cursor:
        # A migration waits as long as it must, and one that computes is not frozen.
        cursor.execute("SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0")
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", interactive=False, verbosity=0)
    else:
        # What was made in several steps that are one now: nothing is to be done for it, but to know it.
        executor.check_replacements()


def collect() -> None:
    """Collect static files when they changed."""
    root = Path(settings.STATIC_ROOT)
    digest = hashlib.sha256(settings.STORAGES["staticfiles"]["BACKEND"].encode())
    for finder in finders.get_finders():
        for path, storage in finder.list([]):
            file = Path(storage.path(path)).stat()
            digest.update(f"{path}\0{file.st_size}\0{file.st_mtime_ns}\n".encode())
    stamp = root / ".collected"
    if stamp.exists() and stamp.read_text() == digest.hexdigest():
        return
    call_command("collectstatic", interactive=False, verbosity=0)
    root.mkdir(parents=True, exist_ok=True)
    stamp.write_text(digest.hexdigest())


if __name__ == "__main__":
    main()
