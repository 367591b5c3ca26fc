"""`make backup FILE=...`: all that an installation keeps in one file, also while it works."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from config import env
from config.up import dumping, installation, passphrase, postgres, servers, survivors, voice
from config.up.backup_file import DATABASE, Writer, written
from config.up.errors import CannotStart
from config.up.installation import Installation
from config.up.keys import secret

# All other keys are passwords between the servers of one installation, which a restored one makes for itself.
KEPT = ("master", "django")
COUNTED: dict[str, LiteralString] = {
    "organizations": "SELECT count(*) FROM projects_organization",
    "people": "SELECT count(*) FROM projects_user",
    "projects": "SELECT count(*) FROM projects_project",
    "apps": "SELECT count(*) FROM projects_app",
    "releases": "SELECT count(*) FROM projects_release",
    "environments": "SELECT count(*) FROM environments_environment",
    "deployments": "SELECT count(*) FROM environments_deployment",
    "events": "SELECT count(*) FROM projects_event",
}


def main(words: list[str]) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    os.umask(0o077)
    try:
        back_up(env.home().resolve(), named(words, "backup"))
    except (CannotStart, psycopg.Error) as reason:
        voice.complain(str(reason))
        return 1
    except OSError as reason:
        voice.complain(f"There is no backup, it could not be written: {reason}.")
        return 1
    except KeyboardInterrupt:
        voice.complain("Interrupted; there is no backup.")
        return 1
    return 0


def named(words: list[str], verb: str) -> Path:
    """The one file on the command line."""
    if len(words) != 1 or not words[0]:
        raise CannotStart(f"Name the file: make {verb} FILE=towpath.backup")
    return Path(words[0]).absolute()


def back_up(home: Path, file: Path) -> None:
    if not (home / "installation.json").exists():
        raise CannotStart(f"There is no installation in {home}. Name its home with TOWPATH_HOME.")
    if file.exists():
        raise CannotStart(f"{file} is there already; name another file.")
    if not file.parent.is_dir():
        raise CannotStart(f"There is no directory {file.parent}.")
    phrase = passphrase.ask(new=True)
    record = installation.load(home)
    with serving(record, home) as url, written(file) as stream:
        manifest = write(record, home, url, stream, phrase, beside=file)
    counts = ", ".join(f"{number:,} {name}" for name, number in manifest["counts"].items())
    voice.say(f"\n  {file}: {file.stat().st_size / 1e6:,.1f} MB")
    voice.say(f"  {counts}, {len(manifest['artifacts']):,} artifacts")
    voice.say(
        "  The keys in it open only with the passphrase. The rest is readable: keep the file as you keep the home."
    )
    if manifest["damaged"]:
        voice.complain(
            f"{len(manifest['damaged'])} artifacts are missing or damaged in {home / 'artifacts'}, and so they are in "
            f"the backup: {', '.join(one[:12] for one in manifest['damaged'][:5])}"
        )


@contextmanager
def serving(record: Installation, home: Path) -> Iterator[str]:
    """The owner's URL of the database: of the running installation, or of its server alone where it is stopped."""
    chosen = servers.choose(record, home)
    with ExitStack() as stack:
        if chosen.cluster and not answers(chosen.owner_url):
            stack.enter_context(installation.lock(home))
            survivors.end(record.id)
            postgres.check_version(chosen.cluster)
            if not (chosen.cluster.directory / "PG_VERSION").exists():
                raise CannotStart(f"There is no database in {chosen.cluster.directory} yet: run `make up` once.")
            stack.enter_context(dumping.alone(chosen.cluster, identity=record.id))
        yield chosen.owner_url


def answers(url: str) -> bool:
    try:
        postgres.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def write(record: Installation, home: Path, url: str, stream: Any, phrase: str, *, beside: Path) -> dict[str, Any]:
    draft = beside.with_name(f".{beside.name}.{os.getpid()}.{DATABASE}")
    try:
        with voice.step("database"), psycopg.connect(url, connect_timeout=10) as connection:
            # One snapshot for the dump and for what is said of it; work goes on beside.
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            # Before the snapshot and after all: a rotation may come between, and the older key is needed then.
            before = {name: secret(home, name) for name in KEPT}
            snapshot = str(one(connection, "SELECT pg_export_snapshot()"))
            writer = Writer(stream, described(record, connection))
            stored = connection.execute(
                "SELECT DISTINCT sha256 FROM projects_artifact WHERE status = 'stored' ORDER BY sha256"
            ).fetchall()
            os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            dumping.dump(url, draft, snapshot=snapshot)
            writer.database(draft)
    finally:
        draft.unlink(missing_ok=True)
    with voice.step("artifacts"):
        # After the snapshot: bytes are in their place before a row tells of them.
        for (sha256,) in stored:
            writer.artifact(str(sha256), home / "artifacts" / str(sha256))
    with voice.step("keys"):
        writer.end({name: both(secret(home, name), before[name]) for name in KEPT}, phrase)
    return writer.manifest


def both(now: str, before: str) -> str:
    """The lines of both, those of now first."""
    return "\n".join(dict.fromkeys([*now.split(), *before.split()]))


def described(record: Installation, connection: psycopg.Connection[Any]) -> dict[str, Any]:
    """What a restore has to know before it begins."""
    applied = connection.execute("SELECT app, name FROM django_migrations ORDER BY id").fetchall()
    addresses = "SELECT count(*) FROM environments_endpoint WHERE released_at IS NULL AND host_id = %s"
    kept = ("id", "isolated", "endpoint_first", "endpoint_count", "service_first")
    return {
        "taken_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "postgres": connection.info.server_version // 10_000,
        "installation": {name: getattr(record, name) for name in kept},
        "addresses": one(connection, addresses, record.id),
        "migrations": [f"{app}.{name}" for app, name in applied],
        "counts": {name: one(connection, question) for name, question in COUNTED.items()},
    }


def one(connection: psycopg.Connection[Any], question: LiteralString, *values: str) -> Any:
    row = connection.execute(question, values).fetchone()
    return row[0] if row else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
