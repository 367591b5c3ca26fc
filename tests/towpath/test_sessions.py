"""How a worker joins, proves itself, is refused, and leaves."""

import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from pathlib import Path
from typing import Any, cast

import pytest

from tests.towpath.conftest import Site, deployment, eventually
from towpath.worker import starting, storage
from towpath.worker.preparing import child_environment
from towpath.worker.standing import Standing
from towpath.worker.storage import Storage
from towpath.worker.worksite import Worksite


@pytest.fixture
def app():
    return str(uuid.uuid4())


def heard(control_plane, path: str) -> list[dict]:
    return [body for where, body in list(control_plane.heard) if where == path]


def test_a_restarted_worker_proves_that_it_is_the_same(site, control_plane):
    # By the file alone: a worker killed between the answer and this file is a new one.
    eventually((site.layout.worker / "session.json").exists)

    site.kill_worker()
    site.start_worker()

    eventually(lambda: len(control_plane.sessions) == 2)
    assert len({session["worker"] for session in control_plane.sessions.values()}) == 1
    assert heard(control_plane, "/workers/register")[1]["previous_session"] in control_plane.sessions


def test_a_worker_told_to_stop_says_goodbye_and_leaves_services_running(site, control_plane, app):
    control_plane.wait(control_plane.submit(deployment(app, "1.0")))

    site.worker.terminate()

    assert site.worker.wait(10) == 0
    assert any(path.endswith("/disconnect") for path, _ in control_plane.heard)
    assert site.get(app) == "1.0"


def test_a_worker_hears_a_signal_that_came_to_any_of_its_threads(site, control_plane, app):
    control_plane.wait(control_plane.submit(deployment(app, "1.0")))
    others = {int(path.name) for path in Path(f"/proc/{site.worker.pid}/task").iterdir()} - {site.worker.pid}

    os.kill(max(others), signal.SIGTERM)  # the kernel offers it to that thread first

    assert site.worker.wait(10) == 0


def test_a_worker_whose_session_is_refused_keeps_serving_and_returns(site, control_plane, app):
    control_plane.wait(control_plane.submit(deployment(app, "1.0")))

    control_plane.refuse_sessions = True
    control_plane.token = "another"
    eventually(lambda: "unknown" in site.said())
    assert site.get(app) == "1.0"
    control_plane.refuse_sessions = False
    site.layout.token.write_text("another")

    assert control_plane.wait(control_plane.submit(deployment(app, "2.0")))["phase"] == "succeeded"


def test_a_control_plane_that_is_away_changes_nothing(site, control_plane, app):
    control_plane.wait(control_plane.submit(deployment(app, "1.0")))

    control_plane.down = True
    site.kill_worker()
    site.start_worker()
    eventually(lambda: "away" in site.said())
    assert site.get(app) == "1.0"
    control_plane.down = False

    assert control_plane.wait(control_plane.submit(deployment(app, "2.0")))["phase"] == "succeeded"


def test_a_terminated_environment_stops_its_services(site, control_plane, app):
    control_plane.wait(control_plane.submit(deployment(app, "1.0")))

    control_plane.terminated = True

    assert site.worker.wait(20) == 0
    assert site.routes.instances(app) == []
    assert not list(site.layout.project("SHOP").specs.iterdir())


def test_a_weighing_that_is_under_way_ends_before_a_terminated_worker_leaves_and_none_begins_afterwards(monkeypatch):
    worksite = Worksite(*[cast(Any, None)] * 4)
    begun, go_on, weighed = threading.Event(), threading.Event(), []

    def weigh(project, supervisor):
        weighed.append(project)
        begun.set()
        go_on.wait(10)
        return 1

    monkeypatch.setattr(storage, "weigh", weigh)
    monkeypatch.setattr(starting, "end_everything", lambda worksite, *, forget: None)
    weighing = threading.Thread(target=Storage(worksite)._weigh, args=({"ONE": None, "TWO": None},), daemon=True)
    weighing.start()
    assert begun.wait(10)
    leaving = threading.Thread(target=Standing(cast(Any, None), worksite).terminate)
    leaving.start()
    assert not worksite.stopping.wait(0.3)

    go_on.set()
    leaving.join(10)
    assert worksite.stopping.is_set() and worksite.weighing.locked()


def test_any_other_410_stops_nothing(site, control_plane, app):
    control_plane.wait(control_plane.submit(deployment(app, "1.0")))

    control_plane.gone = "moved-away"
    eventually(lambda: site.said().count("refused: gone for now") > 3)
    control_plane.gone = ""

    assert site.get(app) == "1.0"
    assert control_plane.wait(control_plane.submit(deployment(app, "2.0")))["phase"] == "succeeded"


def test_a_clone_of_a_worker_makes_the_first_one_leave(site, control_plane, tmp_path):
    eventually(lambda: len(control_plane.sessions) == 1)
    clone = Site(tmp_path / "clone", control_plane)
    session = (site.layout.worker / "session.json").read_text()
    (clone.layout.worker / "session.json").write_text(session)

    clone.start_worker()
    try:
        assert site.worker.wait(20) == 3
    finally:
        clone.stop()


def test_two_workers_never_share_a_directory(site, control_plane):
    eventually(lambda: len(control_plane.sessions) == 1)

    assert site.start_worker().wait(10) == 3


def test_the_token_leaves_the_command_line_at_once(tmp_path, control_plane):
    command = [sys.executable, "-m", "towpath", "worker", "start", "--token", control_plane.token]
    command += ["--environment", "Development", "--server", control_plane.url, "--directory", str(tmp_path / "joined")]
    worker = subprocess.Popen(command, env=child_environment(home=tmp_path), stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: control_plane.sessions)
        with open(f"/proc/{worker.pid}/cmdline") as file:
            assert control_plane.token not in file.read()
        token = tmp_path / "joined" / "worker" / "token"
        assert token.read_text().strip() == control_plane.token
        assert token.stat().st_mode & 0o777 == 0o600
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(15)
        proxy = tmp_path / "joined" / "proxy" / "caddy.pid"
        if proxy.exists():
            subprocess.run(["kill", proxy.read_text().strip()], check=False)


def test_a_wrong_token_typed_by_a_person_is_answered_at_once(tmp_path, control_plane):
    command = [
        sys.executable,
        "-m",
        "towpath",
        "worker",
        "start",
        "--token",
        "tpw_wrong",
        "--environment",
        "development",
    ]
    command += ["--server", control_plane.url, "--directory", str(tmp_path / "joined")]

    done = subprocess.run(command, env=child_environment(home=tmp_path), capture_output=True, text=True, timeout=30)

    assert done.returncode == 1
    assert "unknown token" in done.stderr
    assert not (tmp_path / "joined" / "proxy").exists()


def test_a_worker_is_small(site, control_plane, app):
    control_plane.wait(control_plane.submit(deployment(app, "1.0")))

    with open(f"/proc/{site.worker.pid}/status") as file:
        resident = next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))

    assert resident < 40_000, f"{resident} kB"
    print(json.dumps({"worker_kB": resident}))
