"""A worker in a directory of its own, as a real process, against the small control plane."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.patience import patience
from tests.towpath.control_plane import ControlPlane
from towpath.worker.host import free_stretch
from towpath.worker.layout import Layout, write_atomically
from towpath.worker.preparing import prepare, prepare_project
from towpath.worker.routes import Routes

SERVER = """
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = os.environ["TOWPATH_VERSION"].encode()
        self.send_response(500 if self.path == "/broken" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        print("asked", self.path, flush=True)
print("serving", os.environ["TOWPATH_VERSION"], flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


class Site:
    """One environment on this machine: its directories, its worker, its project's supervisor."""

    def __init__(self, directory: Path, control_plane: ControlPlane, *, builtin: bool = True) -> None:
        self.layout = Layout(directory)
        self.control_plane = control_plane
        self.builtin = builtin
        self.children: list[subprocess.Popen] = []
        self.worker: subprocess.Popen | None = None
        self.supervisor: subprocess.Popen | None = None
        self.prepared = prepare(directory)
        config: dict = {"builtin": builtin, "grace_seconds": 0.5}
        if builtin:
            config |= {"service_first": free_stretch(60), "service_count": 60, "endpoints_directory": None}
        write_atomically(self.layout.worker / "config.json", json.dumps(config))
        write_atomically(self.layout.token, control_plane.token)
        self.routes = Routes(self.layout)

    def start_supervisor(self, project: str = "SHOP") -> subprocess.Popen:
        prepared = prepare_project(self.layout.root, project=project)
        self.supervisor = self.spawn(prepared, "supervisor")
        return self.supervisor

    def start_worker(self) -> subprocess.Popen:
        command = [*self.prepared["command"], "--environment", "development", "--server", self.control_plane.url]
        self.worker = self.spawn({**self.prepared, "command": command}, "worker")
        return self.worker

    def spawn(self, prepared, name: str) -> subprocess.Popen:
        with open(self.layout.root / f"{name}.log", "ab") as log:
            child = subprocess.Popen(
                prepared["command"], cwd=prepared["directory"], env=prepared["environment"], stdout=log, stderr=log
            )
        self.children.append(child)
        return child

    def kill_worker(self) -> None:
        assert self.worker
        self.worker.send_signal(signal.SIGKILL)
        self.worker.wait()

    def stop(self) -> None:
        for child in reversed(self.children):
            if child.poll() is None:
                child.send_signal(signal.SIGCONT)
                child.terminate()
        for child in self.children:
            try:
                child.wait(15)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        for pidfile in [*self.layout.projects.glob("*/run/supervisord.pid"), *self.layout.root.glob("proxy/caddy.pid")]:
            try:
                os.kill(int(pidfile.read_text()), signal.SIGKILL)
            except (OSError, ValueError):
                continue

    def address(self, app: str, service: str = "web") -> str | None:
        """What the proxy would read at this moment."""
        try:
            return (self.layout.routes / app / "current" / f"{service}.address").read_text()
        except FileNotFoundError:
            return None

    def get(self, app: str, path: str = "/") -> str:
        port = self.address(app)
        if port is None:
            raise ConnectionError(f"{app} has no address now")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.read().decode()

    def said(self) -> str:
        return "\n".join(
            path.read_text()
            for path in [*self.layout.root.glob("*.log"), *self.layout.projects.glob("*/logs/supervisord.log")]
        )


@contextmanager
def a_control_plane():
    control_plane = ControlPlane()
    yield control_plane
    control_plane.close()


@contextmanager
def a_site(directory: Path, control_plane: ControlPlane):
    site = Site(directory / "an environment", control_plane)
    site.start_supervisor()
    site.start_worker()
    yield site
    site.stop()


@pytest.fixture
def control_plane():
    with a_control_plane() as control_plane:
        yield control_plane


@pytest.fixture
def site(tmp_path, control_plane):
    with a_site(tmp_path, control_plane) as site:
        yield site


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows what the worker and the supervisors said."""
    report = (yield).get_result()
    if call.when == "call" and report.failed and (site := item.funcargs.get("site")):
        report.sections.append(("worker and supervisors", site.said()))


_numbers: dict[str, int] = {}


def deployment(app: str, version: str, *, number: int | None = None, services=None, steps=None, **more) -> dict:
    _numbers[app] = number or _numbers.get(app, 0) + 1
    return {
        "action": "deploy",
        "deployment": {"id": str(uuid.uuid4()), "number": _numbers[app], "kind": "deploy"},
        "app": {"id": app, "name": "Shop"},
        "project": {"id": "p", "key": "SHOP"},
        "environment": {"id": "e", "name": "development"},
        "release": {"id": str(uuid.uuid4()), "version": version, "commit": ""},
        "artifact": None,
        "steps": steps
        if steps is not None
        else [{"n": 1, "name": "write", "run": f"cat > app.py <<'E'\n{SERVER}\nE\necho written", "timeout": 60}],
        "services": services if services is not None else [web()],
        "env": {"TOWPATH_VERSION": version},
        "endpoints": {},
        "reuse": None,
        "keep": [],
        "service": None,
        **more,
    }


def web(**more) -> dict:
    health = {"type": "http", "path": "/", "within": 50}
    return {
        "name": "web",
        "run": f"exec {shlex.quote(sys.executable)} app.py",
        "port": True,
        "stop_timeout": 3,
        "health": health,
        **more,
    }


def eventually(true, within: float = 45):
    until = time.monotonic() + patience(within)
    while True:
        try:
            if value := true():
                return value
        except OSError:
            pass
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)
