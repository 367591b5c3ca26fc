"""The interpreter that environments run on: whole, current, and executable by strangers."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.up import interpreter, survivors
from config.up.errors import CannotStart
from config.up.installation import Installation
from projects.env_names import COOKIE

STRANGER = 4_000_123


@pytest.fixture(scope="module")
def built() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="tow path-"))
    folder.chmod(0o755)
    user = STRANGER if os.geteuid() == 0 else None
    base = next(path for path in interpreter.candidates() if interpreter.runs(path, "import ssl, venv", user))
    interpreter.build(folder / "interpreter", base)
    yield folder / "interpreter"
    shutil.rmtree(folder, ignore_errors=True)


def test_the_worker_runs_on_it(built: Path) -> None:
    outcome = subprocess.run([built / "bin/python", "-I", "-m", "towpath", "--version"], capture_output=True, cwd="/")

    assert outcome.returncode == 0, outcome.stderr


def test_the_server_is_not_inside(built: Path) -> None:
    assert not interpreter.runs(built / "bin/python", "import django", None)
    assert not interpreter.runs(built / "bin/python", "import environments", None)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_stranger_can_execute_it_and_not_write_to_it(built: Path) -> None:
    assert interpreter.runs(built / "bin/python", interpreter.PROOF, STRANGER)

    writing = f"open({str(built / 'planted')!r}, 'w')"
    assert not interpreter.runs(built / "bin/python", writing, STRANGER)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_python_in_a_closed_directory_is_not_taken(tmp_path_factory: pytest.TempPathFactory) -> None:
    closed = tmp_path_factory.mktemp("closed")
    closed.chmod(0o700)
    python = closed / "python3"
    shutil.copy2(Path(sys.executable).resolve(), python)

    assert not interpreter.runs(python, "pass", STRANGER)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root separates users")
def test_what_was_separated_is_not_started_together_unless_somebody_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    python = closed / "python3"
    python.symlink_to(Path(sys.executable).resolve())
    monkeypatch.setattr(interpreter, "candidates", lambda: iter([python]))
    nowhere = {"postgres_port": 1, "valkey_port": 1, "endpoint_first": 1, "endpoint_count": 1, "service_first": 1}
    record = Installation(
        id="x", web="127.0.0.1:1", address="127.0.0.1", service_count=1, uid_first=STRANGER, isolated=True, **nowhere
    )
    record.environments_root = str(closed)

    with pytest.raises(CannotStart, match="cannot have them now"):
        interpreter.settle(record, closed)

    record.isolated = True
    monkeypatch.setenv(interpreter.WEAK, "yes")
    interpreter.settle(record, closed)
    assert not record.isolated and "share one user" in record.isolation_note


def test_one_that_is_slow_today_is_not_taken_for_one_that_cannot_be_executed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "SLOWEST", 1)

    with pytest.raises(CannotStart, match="try again"):
        interpreter.runs(Path(sys.executable), "import time; time.sleep(30)", None)


def test_it_is_built_again_only_when_something_changed(built: Path) -> None:
    before = (built / "pyvenv.cfg").stat().st_mtime_ns
    base = Path((built / "stamp.json").read_text().split('"')[1])

    interpreter.build(built, base)
    assert (built / "pyvenv.cfg").stat().st_mtime_ns == before

    (built / "stamp.json").write_text("older")
    interpreter.build(built, base)
    assert (built / "pyvenv.cfg").stat().st_mtime_ns != before


def test_survivors_are_found_by_their_cookie_with_their_children_and_others_are_left_alone() -> None:
    environment = {"PATH": os.environ["PATH"], COOKIE: "installation-of-this-test"}
    script = "env -i sleep 300 & trap '' TERM; wait; sleep 300"
    ours = subprocess.Popen(["sh", "-c", script], env=environment, start_new_session=True)
    other = subprocess.Popen(["sleep", "300"], env={**environment, COOKIE: "another"}, start_new_session=True)
    try:
        while len(survivors.find("installation-of-this-test")) < 2:
            pass

        assert survivors.end("installation-of-this-test", gentle=0.5) == 2

        ours.wait(5)
        assert other.poll() is None
        assert survivors.find("installation-of-this-test") == []
    finally:
        other.kill()
        other.wait()
