"""Real PostgreSQL and Valkey for one run of pytest: started when it begins, gone when it ends, however it ends."""

import atexit
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import IO

from config.env import ROOT
from config.up import ports, postgres, valkey

# Nothing of a test run must survive a power cut, so nothing waits for the disk.
CARELESS = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_connections=300",
    "log_min_messages=fatal",
)


def start() -> None:
    """Put DATABASE_URL (the owner's), REDIS_URL and a TOWPATH_HOME of its own into os.environ.

    What is set already is used as it is. Under xdist the controller starts PostgreSQL and its workers inherit the
    address; every process has a Valkey of its own, because publishing knows no database numbers.
    """
    directory = Path(tempfile.mkdtemp(prefix="towpath-tests-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    directory.chmod(0o755)
    os.environ["TOWPATH_TESTING"] = "1"
    os.environ["TOWPATH_HOME"] = str(directory / "home")
    (directory / "home").mkdir(mode=0o700)
    (directory / "home" / "static").mkdir()  # where `make up` collects; here files are served from where they lie
    if not os.environ.get("DATABASE_URL"):
        os.environ["DATABASE_URL"] = start_postgres(directory)
    if not os.environ.get("REDIS_URL") or "TOWPATH_TEST_BROKER" in os.environ:
        os.environ["REDIS_URL"] = start_valkey(directory)
        os.environ["TOWPATH_TEST_BROKER"] = "embedded"


def lay_out(home: Path) -> postgres.Cluster:
    """A copy of a cluster whose database `towpath` is migrated already; that one is made when migrations change."""
    prepared = ROOT / "var" / "tests" / f"cluster-{fingerprint()}"
    if not prepared.exists():
        prepare(prepared)
    # A throw-away copy, so that any number of runs can go on side by side.
    shutil.copytree(prepared, home, symlinks=True, dirs_exist_ok=True)
    home.chmod(0o755)
    cluster = postgres.cluster(home, port=ports.anywhere())
    if owner := postgres.account_of(postgres.unprivileged(cluster.directory)):
        for path in (cluster.directory, *cluster.directory.rglob("*")):
            os.chown(path, *owner)
    return cluster


def start_postgres(directory: Path) -> str:
    cluster = lay_out(directory)
    process = run(postgres.command(cluster, *CARELESS), stop=signal.SIGINT)
    atexit.register(end, process, signal.SIGINT)
    superuser = cluster.url(postgres.SUPERUSER, cluster.superuser_password, "postgres")
    postgres.wait(superuser)
    postgres.grant_roles(cluster, may_create_databases=True)
    with postgres.connect(superuser) as connection:
        # Tests act in the application's role on the owner's connection; sweeping rows needs triggers silent.
        connection.execute(f"GRANT {postgres.APP} TO {postgres.OWNER}")
        connection.execute(f"GRANT SET ON PARAMETER session_replication_role TO {postgres.OWNER}")
    os.environ["TOWPATH_TEST_TEMPLATE"] = postgres.DATABASE
    os.environ["TOWPATH_TEST_APP_ROLE"] = postgres.APP
    os.environ["TOWPATH_TEST_APP_PASSWORD"] = cluster.app_password
    return cluster.owner_url


def fingerprint() -> str:
    """Changes whenever a migrated database would."""
    digest = hashlib.sha256(f"{version('Django')} {postgres.major()} {os.geteuid()} {__file__}".encode())
    for path in sorted([*ROOT.glob("*/migrations/*.py"), ROOT / "config/up/postgres.py", ROOT / "config/settings.py"]):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def prepare(prepared: Path) -> None:
    """Make that cluster; when two runs do so at the same time, one of the two is kept."""
    prepared.parent.mkdir(parents=True, exist_ok=True)
    for old in prepared.parent.glob("cluster-*"):
        shutil.rmtree(old, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="towpath-tests-", ignore_cleanup_errors=True) as folder:
        draft = Path(folder)
        draft.chmod(0o755)
        migrate(draft)
        # Copied and renamed: the temporary directory may lie on another disk.
        beside = prepared.with_name(f".{prepared.name}.{os.getpid()}")
        shutil.copytree(draft, beside, symlinks=True)
        beside.chmod(0o700)
        try:
            beside.rename(prepared)
        except OSError:
            shutil.rmtree(beside)


def migrate(directory: Path) -> None:
    cluster = postgres.cluster(directory, port=ports.anywhere())
    postgres.initialize(cluster)
    process = run(postgres.command(cluster, *CARELESS), stop=signal.SIGINT)
    try:
        superuser = cluster.url(postgres.SUPERUSER, cluster.superuser_password, "postgres")
        postgres.wait(superuser)
        postgres.grant_roles(cluster)
        outcome = subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity=0", "--skip-checks"],
            env={**os.environ, "DATABASE_URL": cluster.owner_url, "DJANGO_SETTINGS_MODULE": "config.settings"},
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        if outcome.returncode:
            raise SystemExit(f"The migrations do not run:\n{outcome.stderr[-4000:]}")
    finally:
        end(process, signal.SIGINT)


def start_valkey(directory: Path) -> str:
    broker = valkey.broker(directory, port=ports.anywhere())
    valkey.initialize(broker)
    process = run(valkey.command(broker, durable=False), stop=signal.SIGTERM)
    atexit.register(end, process, signal.SIGTERM)
    valkey.wait(broker.url)
    return broker.url


def run(
    command: list[str], *, stop: signal.Signals, output: IO[bytes] | int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    """Run a server that ends with this process, also when this process is killed."""
    if shutil.which("setpriv"):
        # In front of the last program only: what comes before may change credentials, which forgets the wish.
        at = next((n for n, word in enumerate(command) if word == "--"), -1) + 1
        command = [*command[:at], "setpriv", "--pdeathsig", stop.name.removeprefix("SIG"), *command[at:]]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)


def end(process: subprocess.Popen[bytes], stop: signal.Signals) -> None:
    process.send_signal(stop)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
