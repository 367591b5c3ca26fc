"""On a machine that gives no process namespaces, what a step or service leaves behind is known by its marks."""

import os
import shlex
import shutil
import signal
import sys
import time
import uuid

import psutil
import pytest

from tests.towpath.conftest import Site, deployment, eventually, web
from tests.towpath.test_deploying import running

COMMANDS = ("sh", "cat", "sleep", "setsid", "echo", "env", "kill", "touch", "rm", "mkdir", "python3")


@pytest.fixture
def site(tmp_path, control_plane, monkeypatch):
    commands = tmp_path / "bin"
    commands.mkdir()
    for name in COMMANDS:
        (commands / name).symlink_to(shutil.which(name))
    monkeypatch.setenv("PATH", str(commands))
    site = Site(tmp_path / "an environment", control_plane)
    site.start_supervisor()
    site.start_worker()
    yield site
    site.stop()


@pytest.fixture
def app():
    return str(uuid.uuid4())


def test_a_step_that_hides_a_process_is_cleared_when_it_takes_too_long(site, control_plane, app):
    mark = f"sleep 92{time.time_ns() % 10**6}"
    steps = [{"n": 1, "name": "hide", "run": f"setsid {mark} & sleep 600", "timeout": 1}]

    assert control_plane.wait(control_plane.submit(deployment(app, "1.0", steps=steps)))["phase"] == "failed"

    eventually(lambda: not running(mark))


def test_what_a_service_hid_ends_with_it(site, control_plane, app):
    mark = f"sleep 91{time.time_ns() % 10**6}"
    services = [web(run=f"setsid {mark} & exec {shlex.quote(sys.executable)} app.py")]
    control_plane.wait(control_plane.submit(deployment(app, "1.0", services=services)))
    assert running(mark)

    control_plane.wait(control_plane.submit(deployment(app, "", action="remove")))

    assert not running(mark)


def test_a_supervisor_that_was_killed_is_followed_by_one_that_doubles_nothing(site, control_plane, app):
    control_plane.wait(control_plane.submit(deployment(app, "1.0")))
    instance = site.routes.current(app)
    port = instance.services["web"]["port"]
    listening = lambda: [c.pid for c in psutil.net_connections("tcp") if c.laddr.port == port and c.status == "LISTEN"]  # noqa: E731
    first = listening()

    os.kill(site.supervisor.pid, signal.SIGKILL)
    site.supervisor.wait()
    assert listening() == first, "without its own means the kernel lets an orphan live"
    site.start_supervisor()

    eventually(lambda: site.get(app) == "1.0" and listening() not in ([], first))
    assert len(listening()) == 1
