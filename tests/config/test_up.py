"""`make up`'s parent, with all its real processes: starting, failing, dying and coming back."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg import errors

from config.env import ROOT
from config.up import keys, postgres
from config.up.installation import UIDS
from config.up.supervisor import Supervisor
from tests.config.installations import Running, answers, free_bind, wait_for, words
from tests.patience import patience

SERVERS = {"web": 2, "scheduler": 1, "control": 1, "caddy": 1, "valkey": 1, "postgres": 1, "supervisor": 1}
# With the one environment that there is from the beginning, and the app that is deployed there.
EVERYTHING = {**SERVERS, "worker": 1, "project": 1, "service": 1}
PLANTED = "planted-0f5c"


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    # Not pytest's directory: sockets have short names. With a space, which every part has to carry.
    folder = Path(tempfile.mkdtemp(prefix="tow path-"))
    folder.chmod(0o755)
    yield folder / "home"
    for one in Running.all:
        one.clear_away()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def first(home: Path) -> Running:
    """The first start, with variables planted in the environment of the person who types it."""
    running = Running(home, TOWPATH_BIND=free_bind(), PLANTED_TOKEN=PLANTED, AWS_SECRET_ACCESS_KEY=PLANTED)
    running.until_ready()
    return running


@pytest.fixture(scope="module")
def address(first: Running) -> str:
    """Where an app answers that is deployed once and must be there after every restart."""
    return first.deploy()


@pytest.fixture
def running(home: Path, first: Running, address: str) -> Running:
    """A running installation: the one of an earlier test, or a new start where that was ended."""
    if not (alive := [one for one in Running.all if one.process.poll() is None]):
        alive = [Running(home)]
    alive[0].until_ready()
    return alive[0]


@pytest.fixture
def stopped(home: Path, first: Running) -> Running:
    """An installation that was started once and is stopped."""
    for one in Running.all:
        if one.process.poll() is None:
            one.stop()
    return first


def test_a_first_start_shows_its_steps_and_one_clear_block(first: Running) -> None:
    said = first.output()

    assert "ok   database and broker" in said
    assert first.record["web"] in said
    assert "owner" in said.lower()
    assert str(first.home / "first-run.json") in said
    assert "Weak isolation" in said or first.record["isolated"]


def test_a_first_start_is_ready_in_under_twenty_seconds(first: Running) -> None:
    assert first.until_ready() < patience(20)


def test_the_password_is_in_a_file_for_its_owner_alone_and_never_on_the_screen(first: Running) -> None:
    file = first.home / "first-run.json"

    assert file.stat().st_mode & 0o077 == 0
    password = file.read_text().split('"password": "')[1].split('"')[0]
    assert password not in first.output()


def test_every_service_runs_once_and_the_web_on_two_processes(first: Running) -> None:
    assert first.get() == 200
    assert {name: first.census()[name] for name in SERVERS} == SERVERS


def test_planted_variables_reach_no_process(first: Running, address: str) -> None:
    wait_for(lambda: first.census() == EVERYTHING)
    everyone = first.processes()

    assert len(everyone) >= sum(EVERYTHING.values())
    for process in everyone:
        with suppress(OSError):
            assert PLANTED.encode() not in Path(f"/proc/{process.pid}/environ").read_bytes(), words(process)


def test_no_password_is_in_a_command_line(first: Running, address: str) -> None:
    secrets = [path.read_text().strip() for path in (first.home / "keys").iterdir()]

    for process in first.processes():
        assert not [secret for secret in secrets if secret in words(process)]


def test_a_stranger_to_the_machine_reads_no_key(first: Running) -> None:
    for name in ("keys", "supervisor", "postgres", "valkey", "artifacts", "logs", "caddy", "endpoints"):
        assert (first.home / name).stat().st_mode & 0o077 == 0, name
    for name in ("installation.json", "first-run.json"):
        assert (first.home / name).stat().st_mode & 0o077 == 0, name


def test_a_second_start_is_refused_with_a_sentence(first: Running) -> None:
    second = Running(first.home)

    assert second.until_ended() == 1
    assert f"already runs from {first.home} (process {first.process.pid})" in second.output()
    assert first.get() == 200


def test_a_person_can_run_a_management_command_on_it(first: Running) -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "config.up.manage", "first_run"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "TOWPATH_HOME": str(first.home)},
        capture_output=True,
        text=True,
    )

    assert "There is an organization already" in outcome.stdout, outcome.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_the_endpoint_proxy_is_a_user_of_its_own_and_reads_what_is_for_all(first: Running) -> None:
    proxy = next(one for one in first.processes() if "caddy run" in words(one))
    assert set(proxy.uids()) == set(proxy.gids()) == {first.record["uid_first"] + UIDS - 1}
    spare = first.record["endpoint_first"] + first.record["endpoint_count"] - 1
    link, file = first.home / "endpoints" / str(spare), first.home / "planted.address"
    url = f"http://127.0.0.1:{spare}/livez"

    # What a worker can do with the links that are its own: lead to where only root can read.
    keys.write(file, first.record["web"].partition(":")[2])
    link.symlink_to(file)
    closed = httpx.get(url).status_code
    file.chmod(0o644)
    open_to_all = httpx.get(url).status_code
    link.unlink()

    assert (closed, open_to_all) == (503, 200)


def test_the_application_owns_nothing_and_cannot_empty_a_table(first: Running) -> None:
    cluster = postgres.cluster(first.home, port=first.record["postgres_port"])
    with psycopg.connect(cluster.app_url, autocommit=True) as connection:
        owned = connection.execute("SELECT count(*) FROM pg_class WHERE pg_get_userbyid(relowner) = current_user")
        assert owned.fetchone() == (0,)
        for statement in ("TRUNCATE projects_event", "CREATE TABLE planted (id int)"):
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute(statement)


def test_a_web_process_that_is_killed_comes_back_and_no_request_is_refused(running: Running) -> None:
    victim = next(one for one in running.processes() if "config.up.web" in words(one))
    refused: list[Exception] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            try:
                running.get()
            except OSError as reason:
                refused.append(reason)

    asking = threading.Thread(target=ask)
    asking.start()
    victim.terminate()
    victim.wait(15)
    wait_for(lambda: running.census() == EVERYTHING)
    done.set()
    asking.join()

    assert refused == []


def test_after_kill_9_of_the_parent_the_next_start_has_every_service_back_and_nothing_doubled(
    running: Running, home: Path, address: str
) -> None:
    wait_for(lambda: answers(address))
    left = {one.pid for one in running.processes()}
    running.process.kill()
    running.process.wait()
    assert running.get() == 200

    again = Running(home)
    again.until_ready()
    wait_for(lambda: answers(address), seconds=30)

    wait_for(lambda: again.census() == EVERYTHING)
    assert not left & {one.pid for one in again.processes()}


def test_after_kill_9_of_everything_the_next_start_is_whole(running: Running, home: Path, address: str) -> None:
    running.process.kill()
    for process in running.processes():
        with suppress(OSError):
            os.kill(process.pid, signal.SIGKILL)
    running.process.wait()

    again = Running(home)
    again.until_ready()
    wait_for(lambda: answers(address), seconds=30)

    wait_for(lambda: again.census() == EVERYTHING)


def test_a_killed_supervisor_is_noticed_and_everything_started_again(running: Running, address: str) -> None:
    supervisor = next(one for one in running.processes() if "/supervisor/supervisord.conf" in words(one))
    supervisor.kill()

    wait_for(lambda: running.output().count("ok   web, scheduler, control worker") == 2, seconds=60)
    wait_for(lambda: answers(address), seconds=30)

    wait_for(lambda: running.census() == EVERYTHING)


def test_ctrl_c_stops_everything_also_what_environments_added(running: Running, home: Path) -> None:
    # A service that ignores TERM and has a child of its own, added as an environment's programs are.
    program = home / "supervisor" / "conf.d" / "stubborn.conf"
    script = home / "stubborn.sh"
    script.write_text("trap '' TERM INT\nsleep 600 &\nwhile :; do sleep 1; done\n")
    keys.write(program, f"[program:stubborn]\ncommand = /bin/sh '{script}'\nstopwaitsecs = 2\n")
    supervisor = Supervisor(home, home, {}).rpc()
    supervisor.reloadConfig()
    supervisor.addProcessGroup("stubborn")
    wait_for(lambda: any(str(script) in words(one) for one in running.processes()))

    os.killpg(running.process.pid, signal.SIGINT)

    assert running.until_ended() == 0
    assert running.processes() == []
    program.unlink()


def test_an_address_that_somebody_else_uses_is_refused_with_a_way_out(home: Path, stopped: Running) -> None:
    host, _, port = stopped.record["web"].partition(":")
    with socket.create_server((host, int(port))):
        refused = Running(home)
        assert refused.until_ended() == 1

    assert f"{host}:{port} is in use by another program" in refused.output()
    assert f"TOWPATH_BIND={host}:{int(port) + 1} make up" in refused.output()
    assert refused.processes() == []


def test_data_of_another_major_version_is_refused_with_steps_and_left_alone(home: Path, stopped: Running) -> None:
    version = home / "postgres" / "PG_VERSION"
    ours = version.read_text()
    version.write_text("9\n")

    refused = Running(home)

    assert refused.until_ended() == 1
    assert "was written by PostgreSQL 9" in refused.output()
    assert "pg_dump" in refused.output() and "config.up.load" in refused.output()
    version.write_text(ours)


def test_an_empty_key_is_refused_before_anything_is_sealed_with_it(home: Path, stopped: Running) -> None:
    key = home / "keys" / "master"
    ours = key.read_text()
    key.write_text("")

    refused = Running(home)

    assert refused.until_ended() == 1
    assert f"{key} is empty. Put it back from a backup" in refused.output()
    assert "Traceback" not in refused.output()
    key.write_text(ours)


def test_a_home_that_cannot_be_made_is_told_in_a_sentence() -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "config.up"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "TOWPATH_HOME": "/proc/home"},
        capture_output=True,
        text=True,
    )

    assert outcome.returncode == 1
    assert outcome.stderr.startswith("\ntowpath: ") and "/proc/home" in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_a_proxy_for_the_world_is_not_asked_the_way_to_ourselves(home: Path, stopped: Running) -> None:
    behind = Running(home, http_proxy="http://127.0.0.1:9", HTTP_PROXY="http://127.0.0.1:9")
    behind.until_ready()
    behind.stop()


def test_a_given_database_and_broker_replace_the_embedded_ones(home: Path, server_environment: dict[str, str]) -> None:
    given = {name: server_environment[name] for name in ("DATABASE_URL", "REDIS_URL")}
    owner = os.environ["DATABASE_URL"].rpartition("/")[0] + "/" + given["DATABASE_URL"].rpartition("/")[2]
    elsewhere = Running(home.with_name("other"), TOWPATH_BIND=free_bind(), DATABASE_OWNER_URL=owner, **given)
    try:
        elsewhere.until_ready()
        census = elsewhere.census()
        assert {name: census[name] for name in SERVERS} == {**SERVERS, "postgres": 0, "valkey": 0}
        assert not (elsewhere.home / "postgres").exists()
    finally:
        elsewhere.stop()


if sys.platform != "linux":
    pytestmark = pytest.mark.skip("the tests read /proc")
