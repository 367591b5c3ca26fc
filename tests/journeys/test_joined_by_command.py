"""A machine of one's own joins an external environment by the command its page shows, and serves a release."""

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from config.env import ROOT
from tests.journeys.installation import Installation, wait_until
from tests.journeys.test_story_by_api import Operator, endpoint, promote, succeeded

pytestmark = pytest.mark.timeout(300)
MANIFEST = """\
steps:
  - {name: greet, run: "echo hello > index.html"}
services:
  - {name: web, run: "exec python3 -m http.server $PORT --bind 127.0.0.1", health: {http: /, within: 30s}}
"""


def test_a_worker_joins_by_command_and_its_services_outlive_it(installation: Installation, tmp_path: Path) -> None:
    with installation.client() as client:
        operator = Operator(client)
        made = operator.post("/environments", name="elsewhere", provisioner="external")
        path = f"/environments/{made['id']}"
        wait_until(lambda: operator.get(path)["status"] == "ready", 60, "an external environment is ready alone")

        command = operator.get(f"{path}/worker-command")["command"]
        worker = join(command, tmp_path)
        try:
            wait_until(lambda: operator.get(path)["status"] == "active", 60, "the worker has joined")
            token = shlex.split(command)[shlex.split(command).index("--token") + 1]
            assert token.encode() not in every_command_line()

            project = operator.post("/projects", name="Far", key="FAR")
            app = operator.post("/apps", project_id=project["id"], name="far")
            release = operator.post(f"/apps/{app['id']}/releases", version="1", manifest=MANIFEST)
            succeeded(operator, promote(operator, app, release, made))
            url = endpoint(operator, made)
            assert httpx.get(url, timeout=10).text == "hello\n"

            worker.send_signal(signal.SIGTERM)
            worker.wait(30)
            wait_until(lambda: operator.get(path)["status"] == "ready", 60, "nobody is there any more")
            assert httpx.get(url, timeout=10).text == "hello\n", "services outlive their worker"

            worker = join(command, tmp_path)
            wait_until(lambda: operator.get(path)["status"] == "active", 60, "it has come back")
            assert httpx.get(url, timeout=10).text == "hello\n"
            succeeded(operator, operator.post("/removals", app_id=app["id"], environment_id=made["id"]))
            assert operator.get("/endpoints", environment=made["id"]) == []
            assert client.delete(path).status_code == 204
            wait_until(lambda: worker.poll() is not None, 60, "a terminated environment sends its worker away")
        finally:
            worker.kill()
            for pid in processes_in(tmp_path):
                os.kill(pid, signal.SIGKILL)


def join(command: str, directory: Path) -> subprocess.Popen[bytes]:
    words = [str(Path(sys.executable).with_name("towpath")), *shlex.split(command)[1:], "--directory", str(directory)]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def every_command_line() -> bytes:
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes())
        except OSError:
            continue
    return b"\n".join(lines)


def processes_in(directory: Path) -> list[int]:
    """Whoever works below the directory: what this test has started, and nobody else."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if (path / "cwd").resolve().is_relative_to(directory) or str(directory).encode() in (
                path / "cmdline"
            ).read_bytes():
                found.append(int(path.name))
        except OSError:
            continue
    return [pid for pid in found if pid != os.getpid()]
