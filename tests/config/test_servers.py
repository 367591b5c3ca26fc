"""The embedded servers and the files they are described by, one at a time."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from config import env
from config.up import caddy, dumping, installation, keys, ports, postgres, programs, valkey
from config.up.errors import CannotStart
from config.up.programs import Program
from config.up.supervisor import Supervisor
from tests.config.installations import wait_for
from tests.servers import end, run


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="tow path-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_where_namespaces_are_blocked_postgresql_runs_as_an_account_of_the_machine(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "unprivileged", postgres.as_account)
    cluster = postgres.cluster(folder, port=ports.anywhere())
    assert postgres.initialize(cluster)

    process = run(postgres.command(cluster), stop=signal.SIGINT)
    try:
        postgres.wait(cluster.url(postgres.SUPERUSER, cluster.superuser_password, "postgres"))
        postgres.grant_roles(cluster)

        assert cluster.directory.stat().st_uid != 0
        with postgres.connect(cluster.app_url) as connection:
            assert connection.execute("SELECT current_user").fetchone() == (postgres.APP,)
    finally:
        end(process, signal.SIGINT)


def test_a_wrong_password_is_refused(folder: Path) -> None:
    cluster = postgres.cluster(folder, port=ports.anywhere())
    postgres.initialize(cluster)
    process = run(postgres.command(cluster), stop=signal.SIGINT)
    try:
        postgres.wait(cluster.url(postgres.SUPERUSER, cluster.superuser_password, "postgres"))
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            postgres.connect(cluster.url(postgres.SUPERUSER, "guess", "postgres"))
    finally:
        end(process, signal.SIGINT)


@pytest.mark.parametrize(("deep", "spoken"), [("", "socket"), ("x" * 80, "network")])
def test_postgresql_is_spoken_to_by_a_socket_beside_its_data_where_that_can_have_a_name(
    folder: Path, deep: str, spoken: str
) -> None:
    cluster = postgres.cluster(folder / deep / "A%20b", port=ports.anywhere())
    postgres.initialize(cluster)
    process = run(postgres.command(cluster), stop=signal.SIGINT)
    try:
        address = cluster.url(postgres.SUPERUSER, cluster.superuser_password, "postgres")
        postgres.wait(address)
        said = env.database(address)

        with psycopg.connect(
            host=said["HOST"], port=said["PORT"], user=said["USER"], password=said["PASSWORD"]
        ) as found:
            family = socket.socket(fileno=os.dup(found.fileno())).family
        assert family == {"socket": socket.AF_UNIX, "network": socket.AF_INET}[spoken]
        assert dumping.major_of(address) == int(postgres.major())
    finally:
        end(process, signal.SIGINT)


def test_what_the_database_refuses_is_logged_without_the_values_that_were_in_it(folder: Path) -> None:
    cluster = postgres.cluster(folder, port=ports.anywhere())
    postgres.initialize(cluster)
    log = folder / "postgres.log"
    with log.open("wb") as file:
        process = run(postgres.command(cluster), stop=signal.SIGINT, output=file)
    try:
        postgres.wait(cluster.url(postgres.SUPERUSER, cluster.superuser_password, "postgres"))
        postgres.grant_roles(cluster)
        with postgres.connect(cluster.owner_url) as connection:
            connection.execute("CREATE TABLE kept (name text PRIMARY KEY, value text CHECK (value <> 'tp-checked'))")
        with postgres.connect(cluster.app_url) as connection:
            connection.execute("INSERT INTO kept VALUES ('tp-taken', '')")
            for values in (("tp-taken", "tp-value"), ("tp-row", "tp-checked")):
                with pytest.raises(psycopg.IntegrityError):  # with the values in the statement, and beside it
                    psycopg.ClientCursor(connection).execute("INSERT INTO kept VALUES (%s, %s)", values)
                with pytest.raises(psycopg.IntegrityError):
                    connection.execute("INSERT INTO kept VALUES (%s, %s)", values)
        said = log.read_text()
        assert said.count("ERROR:") == 4 and "kept_pkey" in said
        assert "tp-" not in said and "INSERT" not in said, said
    finally:
        end(process, signal.SIGINT)


def test_a_crash_while_the_data_directory_is_made_leaves_nothing_that_is_taken_for_one(folder: Path) -> None:
    cluster = postgres.cluster(folder, port=ports.anywhere())
    half = cluster.directory.with_name("postgres.new")
    half.mkdir()
    (half / "PG_VERSION").write_text(postgres.major())

    assert postgres.initialize(cluster)
    assert not half.exists()


def test_a_secret_is_made_once_and_for_its_owner_alone(folder: Path) -> None:
    first = keys.secret(folder, "word")

    assert keys.secret(folder, "word") == first
    assert (folder / "keys" / "word").stat().st_mode & 0o077 == 0
    assert (folder / "keys").stat().st_mode & 0o077 == 0


def test_caddy_takes_its_configuration_also_from_a_path_with_a_space(folder: Path) -> None:
    file = caddy.configure(folder, host="127.0.0.1", endpoints=range(20_000, 20_003))

    outcome = subprocess.run([caddy.binary(), "validate", "--config", str(file)], capture_output=True, text=True)

    assert outcome.returncode == 0, outcome.stderr


def test_a_broker_whose_directory_was_emptied_starts_again_by_itself(folder: Path) -> None:
    broker = valkey.broker(folder, port=ports.anywhere())
    valkey.initialize(broker)
    for path in broker.directory.iterdir():
        path.unlink()

    process = run(valkey.command(broker), stop=signal.SIGTERM)

    try:
        valkey.wait(broker.url)
    finally:
        end(process, signal.SIGTERM)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is full is needed")
def test_a_full_disk_stops_no_program_that_goes_on_talking(folder: Path) -> None:
    words = "for n in $(seq 4000); do echo a line that nobody will read, long enough to fill a pipe; done; touch said"
    talking = Program(name="talking", command=["sh", "-c", words], directory=folder, autostart=True)
    configuration = programs.configure(folder, [talking])
    for name in ("supervisord.start.log", "supervisord.log", "talking.log"):
        (folder / "logs" / name).symlink_to("/dev/full")
    supervisor = Supervisor(folder, configuration, {"PATH": os.environ["PATH"]})

    supervisor.start()

    assert supervisor.process is not None
    try:
        wait_for((folder / "said").exists)
    finally:
        supervisor.process.kill()
        supervisor.process.wait()


@pytest.mark.parametrize("value", ['quote"', "line\nend", "back\\slash", "part ;comment"])
def test_a_value_that_the_supervisor_would_cut_is_refused(value: str) -> None:
    with pytest.raises(CannotStart):
        Program(name="web", command=["true"], environment={"NAME": value}).section(Path("/home"))


def test_a_percent_sign_reaches_the_program(folder: Path) -> None:
    section = Program(name="web", command=["echo", "100%"], environment={"URL": "a%2Fb"}).section(folder)

    assert "100%%" in section
    assert 'URL="a%%2Fb"' in section


@pytest.mark.parametrize("bind", ["8000", "host:", ":70000", "[::1]:8000", "host:web"])
def test_an_address_that_cannot_be_is_refused(bind: str) -> None:
    with pytest.raises(CannotStart, match="TOWPATH_BIND"):
        installation.checked_bind(bind)


@pytest.mark.parametrize("letter", [";", '"', "{", "\n", "[", "*", "?"])
def test_a_home_that_configuration_files_cannot_name_or_take_for_a_pattern_is_refused(letter: str) -> None:
    with pytest.raises(CannotStart, match="set TOWPATH_HOME"):
        installation.check_home(Path(f"/home/a{letter}b"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives others users of their own")
def test_a_home_that_is_closed_lets_the_proxys_and_environments_users_pass(folder: Path) -> None:
    home = folder / "closed"
    home.mkdir(mode=0o700)
    installation.lock(home).close()
    assert home.stat().st_mode & 0o777 == 0o711


def test_a_key_that_many_make_at_once_is_one_and_an_empty_one_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOWPATH_HOME", str(folder))
    with ThreadPoolExecutor(8) as threads:
        made = set(threads.map(lambda _: env.key("master"), range(8)))

    assert len(made) == 1 and [path.name for path in (folder / "keys").iterdir()] == ["master"]
    assert (folder / "keys" / "master").stat().st_mode & 0o777 == 0o600
    (folder / "keys" / "master").write_text("")
    with pytest.raises(CannotStart, match="Put it back from a backup"):
        env.key("master")


def test_those_that_start_at_the_same_moment_choose_other_ports() -> None:
    chosen = [ports.anywhere(*installation.POSTGRES) for _ in range(20)]

    assert len(set(chosen)) > 10 and all(15_000 <= port < 16_000 for port in chosen)


def test_ports_are_below_those_that_the_system_gives_away() -> None:
    assert ports.anywhere() < ports.CEILING
