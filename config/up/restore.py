"""`make restore FILE=...`: a backup becomes an installation of its own in a home that has none."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from config import env
from config.env import ROOT
from config.up import (
    dumping,
    installation,
    interpreter,
    keys,
    passphrase,
    postgres,
    programs,
    servers,
    survivors,
    voice,
)
from config.up.backup import KEPT, named
from config.up.backup_file import DATABASE, Backup
from config.up.errors import CannotStart
from config.up.installation import Installation

# What a home may hold before an installation is restored into it.
HARMLESS = {"lock", "lost+found", installation.RESTORING}
# A database takes about this many times the room of its dump, which is packed.
UNPACKED = 6


def main(words: list[str]) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    os.umask(0o022)
    try:
        home = env.home().resolve()
        installation.check_home(home)
        restore(home, named(words, "restore"))
    except (CannotStart, psycopg.Error, OSError) as reason:
        voice.complain(str(reason))
        return 1
    except KeyboardInterrupt:
        voice.complain("Interrupted; nothing was restored.")
        return 1
    return 0


def restore(home: Path, file: Path) -> None:
    check_empty(home)
    if not file.is_file():
        raise CannotStart(f"There is no file {file}.")
    phrase = passphrase.ask(new=False)
    with voice.step("look through the backup"):
        backup = Backup(file, phrase)
    check_known(backup)
    with installation.lock(home):
        clear(home)
        check_empty(home)
        check_room(home, backup)
        with beginning(home) as draft:
            told = build(home, draft, backup)
            settle_in(home, draft)
    voice.say(f"\n{told.strip()}")
    voice.say(f"Restored into {home}. Start it with `make up`; people sign in as they did before.")


def check_empty(home: Path) -> None:
    unfinished = (home / installation.RESTORING).is_dir()
    there = {path.name for path in home.iterdir()} - HARMLESS if home.is_dir() else set()
    if there and not unfinished:
        what = "an installation" if "installation.json" in there else f"something ({', '.join(sorted(there)[:3])})"
        raise CannotStart(
            f"There is {what} in {home} already. Name another home: TOWPATH_HOME=<directory> make restore"
        )


def check_known(backup: Backup) -> None:
    """Tables that a later version made are not understood by this one."""
    ours = {f"{path.parts[-3]}.{path.stem}" for path in ROOT.glob("*/migrations/0*.py")}
    theirs = {name for name in backup.manifest["migrations"] if name.partition(".")[0] in {"projects", "environments"}}
    if theirs - ours:
        raise CannotStart(
            f"{backup.path} was made by a later version of Towpath ({sorted(theirs - ours)[-1]} is not known here); "
            "restore it with that version."
        )


def check_room(home: Path, backup: Backup) -> None:
    files = sum(told["size"] for told in backup.manifest["artifacts"].values())
    needed = files + UNPACKED * backup.manifest["database"]["size"]
    free = shutil.disk_usage(home).free
    if needed > free:
        raise CannotStart(f"{home} has {free / 1e9:.1f} GB free and about {needed / 1e9:.1f} GB are needed.")


def clear(home: Path) -> None:
    """What a restore left that was killed: everything in such a home is its own."""
    draft = home / installation.RESTORING
    if not draft.is_dir():
        return
    for file in (draft / "installation.json", home / "installation.json"):
        if file.exists():
            record = Installation(**json.loads(file.read_text()))
            survivors.end(record.id)
            forget(record)
    for path in home.iterdir():
        if path.name not in HARMLESS - {installation.RESTORING}:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def forget(record: Installation) -> None:
    """Give back what an installation that never came to be has outside of its home."""
    with suppress(OSError):
        register = installation.UID_REGISTER / str(record.uid_first)
        if register.read_text() == record.id:
            register.unlink()
    if record.environments_root and Path(record.environments_root).parent == interpreter.SYSTEM_ROOT:
        shutil.rmtree(record.environments_root, ignore_errors=True)


@contextmanager
def beginning(home: Path) -> Iterator[Path]:
    """A directory in the home that becomes an installation; while it is there nothing starts from the home."""
    draft = home / installation.RESTORING
    draft.mkdir(mode=0o711)
    try:
        yield draft
    except BaseException:
        clear(home)
        raise
    draft.rmdir()


def build(home: Path, draft: Path, backup: Backup) -> str:
    """Everything but the last step; answers what is to be said of it."""
    manifest = backup.manifest
    old = manifest["installation"]
    bind = os.environ.get("TOWPATH_BIND", "")
    record = installation.choose(
        installation.checked_bind(bind) if bind else "",
        addresses=manifest["addresses"],
        # Whoever it is a copy of may be stopped, and will want these again.
        beside=(old["endpoint_first"], old["endpoint_count"], old["service_first"]),
    )
    # Had environments users of their own, they have to be given some here.
    record.isolated = old["isolated"]
    record.save(draft)
    with voice.step("interpreter for environments"):
        interpreter.settle(record, home)
    record.save(draft)
    with voice.step("keys and artifacts"):
        unpack(draft, backup)
    chosen = servers.choose(record, draft)
    with voice.step("database"):
        dumped = draft / DATABASE
        backup.copy(DATABASE, dumped)
        if chosen.cluster:
            postgres.initialize(chosen.cluster)
            with dumping.alone(chosen.cluster, identity=record.id):
                postgres.grant_roles(chosen.cluster)
                told = fill(chosen, record, draft, backup, dumped)
        else:
            servers.grant_given(chosen)
            told = fill(chosen, record, draft, backup, dumped)
        dumped.unlink()
    return told


def unpack(draft: Path, backup: Backup) -> None:
    keys.directory(draft / "keys")
    for name in KEPT:
        keys.write(draft / "keys" / name, backup.secrets[name])
    folder = keys.directory(draft / "artifacts")
    damaged = set(backup.manifest["damaged"])
    for sha256 in backup.manifest["artifacts"]:
        if sha256 not in damaged:
            place = folder / sha256
            backup.copy(f"artifacts/{sha256}", place)
            with place.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                    raise CannotStart(f"{place} was not written as it was read; is the disk sound?")
    keys.directory(draft / "endpoints")


def fill(chosen: servers.Servers, record: Installation, draft: Path, backup: Backup, dumped: Path) -> str:
    manifest = backup.manifest
    here = dumping.major_of(chosen.owner_url)
    if here < manifest["postgres"]:
        raise CannotStart(
            f"The backup is of PostgreSQL {manifest['postgres']}, and here is {here}; restore it into "
            f"{manifest['postgres']} or later."
        )
    with postgres.connect(chosen.owner_url) as connection:
        row = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    if row and row[0]:
        raise CannotStart("The database that DATABASE_URL names is not empty; name one that has no tables.")
    owner = {"DATABASE_URL": chosen.owner_url, "REDIS_URL": chosen.redis_url}
    basic = {**programs.basic_environment(record, draft), **programs.given(programs.KEPT)}
    dumping.load(chosen.owner_url, dumped)
    python("manage.py", "migrate", "--verbosity=0", "--skip-checks", environment={**basic, **owner})
    python("manage.py", "check_master_keys", "--skip-checks", environment={**basic, **owner})
    if chosen.cluster:
        postgres.grant_roles(chosen.cluster)
    else:
        servers.grant_given(chosen)
    return python(
        *("manage.py", "after_restore", "--skip-checks"),
        *("--from", manifest["installation"]["id"], "--taken-at", manifest["taken_at"]),
        environment={**basic, **chosen.for_application()},
    )


def python(*words: str, environment: dict[str, str]) -> str:
    outcome = subprocess.run(
        [sys.executable, *words],
        env={**environment, "DJANGO_SETTINGS_MODULE": "config.settings"},
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if outcome.returncode:
        last = "\n".join((outcome.stdout + outcome.stderr).strip().splitlines()[-12:])
        raise CannotStart(f"`{' '.join(words[:2])}` failed:\n{last}")
    return outcome.stdout


def settle_in(home: Path, draft: Path) -> None:
    """Into the home; by the record, which comes last, it is an installation."""
    for path in sorted(draft.iterdir(), key=lambda each: each.name == "installation.json"):
        path.rename(home / path.name)
    keys.sync(home)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
