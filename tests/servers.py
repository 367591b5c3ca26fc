"""Real PostgreSQL and Valkey for one run of pytest: started when it begins, gone when it ends, however it ends."""

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

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
    """Put DATABASE_URL (the owner's), TOWPATH_TEST_APP_ROLE, REDIS_URL and a TOWPATH_HOME of its own into os.environ.

    What is set already is used as it is. Under xdist the controller starts PostgreSQL and its workers inherit the
    address; every process has a Valkey of its own, because publishing knows no database numbers.
    """
    directory = Path(tempfile.mkdtemp(prefix="towpath-tests-"))
    directory.chmod(0o755)
    worker = "PYTEST_XDIST_WORKER" in os.environ
    os.environ["TOWPATH_TESTING"] = "1"
    os.environ["TOWPATH_HOME"] = str(directory / "home")
    (directory / "home").mkdir(mode=0o700)
    if not os.environ.get("DATABASE_URL"):
        os.environ["DATABASE_URL"] = start_postgres(directory)
        os.environ["TOWPATH_TEST_APP_ROLE"] = postgres.APP
    if worker or not os.environ.get("REDIS_URL"):
        os.environ["REDIS_URL"] = start_valkey(directory)
    atexit.register(shutil.rmtree, directory, ignore_errors=True)


def start_postgres(directory: Path) -> str:
    cluster = postgres.cluster(directory, port=ports.anywhere())
    postgres.initialize(cluster)
    run(postgres.command(cluster, *CARELESS), stop=signal.SIGINT)
    superuser = cluster.url(postgres.SUPERUSER, cluster.superuser_password, "postgres")
    postgres.wait(superuser)
    postgres.grant_roles(cluster, may_create_databases=True)
    # Test databases are copies of template1, so what the application may do with the owner's tables is said there.
    postgres.default_privileges(cluster.url(postgres.SUPERUSER, cluster.superuser_password, "template1"))
    with postgres.connect(superuser) as connection:
        # Tests act in the application's role on the owner's connection; sweeping rows away needs triggers silent.
        connection.execute(f"GRANT {postgres.APP} TO {postgres.OWNER}")
        connection.execute(f"GRANT SET ON PARAMETER session_replication_role TO {postgres.OWNER}")
    os.environ["TOWPATH_TEST_APP_PASSWORD"] = cluster.app_password
    return cluster.owner_url


def start_valkey(directory: Path) -> str:
    broker = valkey.broker(directory, port=ports.anywhere())
    valkey.initialize(broker)
    run(valkey.command(broker, durable=False), stop=signal.SIGTERM)
    valkey.wait(broker.url)
    return broker.url


def run(command: list[str], *, stop: signal.Signals) -> None:
    """Run a server that ends with this process, also when this process is killed."""
    if shutil.which("setpriv"):
        # In front of the last program only: what comes before may change credentials, which forgets the wish.
        at = next((n for n, word in enumerate(command) if word == "--"), -1) + 1
        command = [*command[:at], "setpriv", "--pdeathsig", stop.name.removeprefix("SIG"), *command[at:]]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )

    def end() -> None:
        process.send_signal(stop)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()

    atexit.register(end)
