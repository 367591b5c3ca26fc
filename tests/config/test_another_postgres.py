"""A data directory of another major version is refused with steps that move it, each a command that can be copied."""

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import errors

from config.env import ROOT
from config.up import dumping, installation, postgres, survivors
from config.up.errors import CannotStart
from config.up.postgres import Cluster

OLD = str(int(postgres.major()) - 1)


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="tow path-"))
    folder.chmod(0o755)
    yield folder / "home"
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def cluster(home: Path) -> Iterator[Cluster]:
    """With a row in it, and stopped."""
    home.mkdir(mode=0o711)
    record = installation.choose("127.0.0.1:8000")
    record.save(home)
    made = postgres.cluster(home, port=record.postgres_port)
    postgres.initialize(made)
    with dumping.alone(made, identity=record.id):
        postgres.grant_roles(made)
        with postgres.connect(made.owner_url) as connection:
            connection.execute("CREATE TABLE projects_event (kind text)")
            connection.execute("INSERT INTO projects_event VALUES ('before')")
        # As a start does it when the table is there.
        postgres.grant_roles(made)
    yield made
    survivors.end(record.id, gentle=0)
    (installation.UID_REGISTER / str(record.uid_first)).unlink(missing_ok=True)


def written_by(cluster: Cluster, version: str) -> None:
    (cluster.directory / "PG_VERSION").write_text(version + "\n")


def steps(cluster: Cluster) -> list[str]:
    with pytest.raises(CannotStart) as refused:
        postgres.initialize(cluster)
    return re.findall(r"^ {5}(\S.*)$", str(refused.value), re.MULTILINE)


def test_the_steps_that_it_prints_move_it(home: Path, cluster: Cluster) -> None:
    written_by(cluster, OLD)
    serve, dump, aside, load = steps(cluster)
    # There is one PostgreSQL here: for the first two steps it takes the place of the one that wrote the directory.
    written_by(cluster, postgres.major())
    environment = {"PATH": f"{postgres.binaries()}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}

    def follow(step: str) -> None:
        outcome = subprocess.run(step, shell=True, cwd=home.parent, env=environment, capture_output=True, text=True)
        assert outcome.returncode == 0, outcome.stderr

    server = subprocess.Popen(shlex.split(serve), env=environment, stderr=subprocess.DEVNULL)
    try:
        postgres.wait(f"postgresql://postgres:{cluster.superuser_password}@127.0.0.1:{cluster.port}/postgres")
        follow(dump)
    finally:
        server.send_signal(2)
        server.wait(30)
    follow(aside)
    follow(load)

    assert (home / f"postgres.{OLD}").is_dir()
    with (
        dumping.alone(cluster, identity=installation.load(home).id),
        postgres.connect(cluster.app_url) as connection,
    ):
        assert connection.execute("SELECT kind FROM projects_event").fetchall() == [("before",)]
        # What is immutable stays so.
        connection.execute("INSERT INTO projects_event VALUES ('after')")
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("DELETE FROM projects_event")


def test_nothing_is_changed_by_the_refusal_nor_by_a_load_beside_it(home: Path, cluster: Cluster) -> None:
    written_by(cluster, OLD)
    before = sorted(path.name for path in home.iterdir())
    *_, load = steps(cluster)
    (home.parent / "towpath.dump").write_bytes(b"not one")

    outcome = subprocess.run(
        load, shell=True, cwd=home.parent, env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    )

    assert outcome.returncode == 1
    assert [name for name in sorted(path.name for path in home.iterdir()) if name != "lock"] == before
    assert (cluster.directory / "PG_VERSION").read_text().strip() == OLD
