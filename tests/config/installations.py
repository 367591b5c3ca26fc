"""A real installation in a directory of its own, started and stopped as a person would."""

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import httpx
import psutil

from config.env import ROOT
from config.up import ports, survivors
from tests.journeys.installation import take_back
from tests.patience import patience

STARTS = itertools.count(1)
# What tells the programs of an installation apart in their command lines; a shell has $PORT where a service has digits.
MARKS = {
    "web": r"config\.up\.web",
    "scheduler": r"manage\.py scheduler",
    "control": "celery -A",
    "caddy": "caddy run",
    "valkey": "valkey-server",
    "postgres": "/postgres -D",
    "supervisor": r"supervisor/supervisord\.conf",
    "worker": "worker start",
    "project": "/projects/",
    "service": r"http\.server \d",
}
MANIFEST = {
    "steps": [{"name": "build", "run": "mkdir www && echo $TOWPATH_VERSION > www/index.html"}],
    "services": [{"name": "web", "run": "cd www && exec python3 -m http.server $PORT --bind 127.0.0.1"}],
}


class Running:
    """`python -m config.up` on one home; what it says is in `output()`."""

    all: ClassVar[list["Running"]] = []

    def __init__(self, home: Path, **environment: str) -> None:
        self.all.append(self)
        self.home = home
        self.log = home.with_name(f"output-{next(STARTS)}.txt")
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "config.up"],
                cwd=ROOT,
                env={"PATH": os.environ["PATH"], "HOME": str(home), "TOWPATH_HOME": str(home), **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def output(self) -> str:
        return self.log.read_text()

    def until_ready(self, seconds: float = 30) -> float:
        """Seconds that it took to say so."""
        began = time.monotonic()
        while "Towpath is ready" not in self.output():
            assert self.process.poll() is None, self.output()
            assert time.monotonic() - began < patience(seconds), self.output()
            time.sleep(0.1)
        return float(re.search(r"is ready \(([\d.]+) s\)", self.output())[1])

    def until_ended(self, seconds: float = 40) -> int:
        return self.process.wait(patience(seconds))

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.until_ended()

    def clear_away(self) -> None:
        """End what a failed test left, and take back what lies outside of the home."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if not (self.home / "installation.json").exists():
            return
        survivors.end(self.record["id"], gentle=0)
        take_back(self.home)

    @property
    def record(self) -> dict:
        return json.loads((self.home / "installation.json").read_text())

    def processes(self) -> list[psutil.Process]:
        """Everything that belongs to this installation, apart from the parent."""
        return [one for one in survivors.find(self.record["id"]) if one.pid != self.process.pid]

    def census(self) -> Counter[str]:
        """How many there are of each program; children that they have in turn are not counted."""
        found = Counter()
        for process in self.processes():
            said = words(process)
            found.update({name: 1 for name, mark in MARKS.items() if re.search(mark, said)})
        return found

    def get(self, path: str = "/readyz") -> int:
        with urllib.request.urlopen(f"http://{self.record['web']}{path}", timeout=5) as answer:
            return answer.status

    def call(self, method: str, path: str, *, idempotency_key: str = "", **body: Any) -> Any:
        token = json.loads((self.home / "first-run.json").read_text())["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        if idempotency_key and method == "POST":
            headers["Idempotency-Key"] = idempotency_key
        answer = httpx.request(
            method, f"http://{self.record['web']}/api/v1{path}", json=body or None, headers=headers, timeout=20
        )
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def deploy(self) -> str:
        """Have one small web app served in the environment that every organization begins with; its address."""
        home = self.call("GET", "/environments")[0]["id"]
        wait_for(lambda: self.call("GET", f"/environments/{home}")["status"] == "active", seconds=60)
        project = self.call("POST", "/projects", name="Shop", key="SHOP")
        app = self.call("POST", "/apps", project_id=project["id"], name="web")
        release = self.call("POST", f"/apps/{app['id']}/releases", version="1.0", manifest=MANIFEST)
        plan = self.call("POST", "/plans", app_id=app["id"], release_id=release["id"], environment_id=home)
        run = self.call("POST", "/deployments", plan_id=plan["id"])["run_id"]
        wait_for(lambda: self.call("GET", f"/runs/{run}")["phase"] not in {"queued", "running"}, seconds=60)
        ended = self.call("GET", f"/runs/{run}")
        assert ended["phase"] == "succeeded", ended
        return str(self.call("GET", "/endpoints")[0]["url"])


def words(process: psutil.Process) -> str:
    """Its command line; nothing where it has just ended."""
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def answers(address: str) -> bool:
    """Whether the app's own page is there, and not the page that says that nothing is."""
    with suppress(httpx.HTTPError):
        return httpx.get(address, timeout=3).text.strip() == "1.0"
    return False


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    until = time.monotonic() + patience(seconds)
    while not condition():
        assert time.monotonic() < until, "it did not come true in time"
        time.sleep(0.5)


def free_bind() -> str:
    # Where no installation has addresses, services or servers.
    return f"127.0.0.1:{ports.anywhere(17_000, 18_000)}"
