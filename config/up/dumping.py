"""A database into a file and out of it again, by PostgreSQL's own programs, and a server alone for as long."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from config import env
from config.up import postgres
from config.up.errors import CannotStart
from projects.env_names import COOKIE


def tool(name: str, server: int) -> Path:
    """`pg_dump` or `pg_restore` for a server of that major version: its own, else the nearest later one."""
    folders = [*Path("/usr/lib/postgresql").glob("*/bin")]
    if found := shutil.which(name):
        folders.insert(0, Path(found).parent)
    with suppress(CannotStart):
        folders.insert(0, postgres.binaries())
    fitting = [(major, folder / name) for folder in folders if (major := _major(folder / name)) >= server]
    if not fitting:
        raise CannotStart(
            f"`{name}` of PostgreSQL {server} or later was not found; install that version's client programs."
        )
    return min(fitting, key=lambda each: each[0])[1]


def _major(program: Path) -> int:
    if not program.exists():
        return 0
    told = subprocess.run([program, "--version"], capture_output=True, text=True).stdout.split()
    number = told[2].partition(".")[0] if len(told) > 2 else ""
    return int(number) if number.isdigit() else 0


def major_of(url: str) -> int:
    """The major version of the server behind this URL."""
    with postgres.connect(url) as connection:
        return connection.info.server_version // 10_000


def dump(url: str, into: Path, *, snapshot: str) -> None:
    """Write what that snapshot sees, without owners and rights: who restores it has their own."""
    _run([tool("pg_dump", major_of(url)), "-Fc", f"--snapshot={snapshot}", *PLAIN, f"--file={into}"], url)


def load(url: str, dumped: Path) -> None:
    """Fill an empty database as its owner: all of it or nothing."""
    program = tool("pg_restore", major_of(url))
    _run([program, "--single-transaction", "--exit-on-error", *PLAIN, f"--dbname={_name(url)}", str(dumped)], url)


PLAIN = ("--no-owner", "--no-privileges", "--no-comments")


def _name(url: str) -> str:
    return unquote(urlsplit(url).path.lstrip("/"))


def _run(command: list[Path | str], url: str) -> None:
    """The password goes by the environment: a command line is for everybody to read."""
    parts = urlsplit(url)
    place = {
        "PGHOST": env.host(parts),
        "PGPORT": str(parts.port or ""),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": _name(url),
        "PGCONNECT_TIMEOUT": "10",
    }
    given = {name: value for name, value in place.items() if value}
    passed = {name: value for name, value in os.environ.items() if name in {"PGSSLMODE", "PGSSLROOTCERT", "HOME"}}
    outcome = subprocess.run(
        [str(word) for word in command],
        env={**postgres.environment(), **passed, **given},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if outcome.returncode:
        said = "\n".join(outcome.stderr.strip().splitlines()[-6:])
        raise CannotStart(f"`{Path(command[0]).name}` failed:\n{said}")


@contextmanager
def alone(cluster: postgres.Cluster, *, identity: str) -> Iterator[None]:
    """The embedded server without anything else of its installation, whose lock the caller holds."""
    log = cluster.directory.with_name("postgres-alone.log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            postgres.command(cluster),
            # By the cookie the next start finds it, should this process be killed.
            env={**postgres.environment(), COOKIE: identity},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        postgres.wait(cluster.url(postgres.SUPERUSER, cluster.superuser_password, "postgres"))
        yield
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.unlink(missing_ok=True)
