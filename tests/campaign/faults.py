"""What is broken, when, and what must be true afterwards; on a real installation with a release on its way."""

import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

import httpx
import psutil

from tests.config.installations import MARKS, Running, patience, words

WHOLE_WITHIN = 60.0  # seconds, without a hand
UNFINISHED = {"queued", "running"}
VICTIMS = ("web", "scheduler", "control", "worker", "project", "service", "caddy", "valkey", "postgres", "supervisor")
# Each is a named point of a deployment, and how it is told that it has been reached.
POINTS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "accepted": lambda run: True,
    "claimed": lambda run: run["attempt"] > 0,
    "in a step": lambda run: _phase(run, "build") == "running",
    "new service comes up": lambda run: _phase(run, "Health check") == "running",
    "switched": lambda run: _phase(run, "Switch") == "succeeded" or run["phase"] not in UNFINISHED,
}
MANIFEST = {
    "steps": [{"name": "build", "run": "mkdir www && sleep 2 && echo $TOWPATH_VERSION > www/index.html"}],
    "services": [
        {
            "name": "web",
            "run": "sleep 1; cd www && exec python3 -m http.server $PORT --bind 127.0.0.1",
            "health": {"http": "/", "within": "40s"},
        }
    ],
}


def _phase(run: dict[str, Any], name: str) -> str:
    return next((str(step["phase"]) for step in run["steps"] if step["name"] == name), "")


@dataclass
class Found:
    """What one fault came to. `whole` in seconds from the fault; `wrong` is what was not as it has to be."""

    victim: str
    point: str
    hit: bool = False
    phase: str = ""
    attempts: int = 0
    whole: float = 0.0
    wrong: list[str] = field(default_factory=list)


class Campaign:
    """One installation, one app in its default environment, and a new release of it for each fault."""

    def __init__(self, running: Running, restart: Callable[[], Running]) -> None:
        self.running = running
        self.restart = restart
        self.address = ""
        self.app: dict[str, Any] = {}
        self.environment = ""
        self.releases = 0

    def begin(self) -> None:
        self.environment = str(self.patiently("GET", "/environments")[0]["id"])
        project = self.patiently("POST", "/projects", name="Faults", key="FAULTS")
        self.app = self.patiently("POST", "/apps", project_id=project["id"], name="web")
        run = self.deploy()
        self.until(lambda: self.run(run)["phase"] not in UNFINISHED, "the first release is live")
        self.address = str(self.patiently("GET", "/endpoints")[0]["url"])

    def deploy(self) -> str:
        self.releases += 1
        version = f"{self.releases}.0"
        release = self.patiently("POST", f"/apps/{self.app['id']}/releases", version=version, manifest=MANIFEST)
        wish = {"app_id": self.app["id"], "release_id": release["id"], "environment_id": self.environment}
        return str(self.patiently("POST", "/promotions", **wish)["run_id"])

    def fault(self, victim: str, point: str) -> Found:
        found = Found(victim, point)
        run = self.deploy()
        with Attempts(run) as attempts:
            self.until(lambda: POINTS[point](self.run(run)), f"{run} is {point}", within=30)
            found.hit = self.kill(victim)
            began = time.monotonic()
            wrong: list[str] = ["nothing was looked at"]
            while wrong and time.monotonic() - began < patience(WHOLE_WITHIN):
                time.sleep(0.5)
                wrong = self.not_whole(run)
            found.whole = time.monotonic() - began
        found.wrong = [*wrong, *attempts.overlaps]
        with suppress(AssertionError, httpx.HTTPError):
            ended = self.run(run)
            found.phase, found.attempts = str(ended["phase"]), int(ended["attempt"])
        return found

    def kill(self, victim: str) -> bool:
        """Whether there was somebody to be killed."""
        if victim == "parent":
            self.running.process.kill()
            self.running.process.wait()
            self.running = self.restart()
            return True
        mark = re.compile(MARKS[victim])
        hit = False
        for process in self.running.processes():
            if mark.search(words(process)):
                with suppress(psutil.Error):
                    process.kill()
                    hit = True
        return hit

    def not_whole(self, run: str) -> list[str]:
        """What is not as it has to be; nothing where the run has ended and the address shows what the board says."""
        try:
            ended = self.run(run)
            if ended["phase"] in UNFINISHED:
                return [f"the run is {ended['phase']}"]
            if unfinished := [one for one in self.running.call("GET", "/runs") if one["phase"] in UNFINISHED]:
                return [f"{len(unfinished)} other runs have not ended"]
            row = self.running.call("GET", "/board")["rows"][0]
            cell = next(one for one in row["cells"] if one["release"])
            shown = httpx.get(self.address, timeout=3).text.strip()
        except (AssertionError, httpx.HTTPError, OSError, StopIteration, LookupError) as error:
            return [f"{type(error).__name__}: {str(error)[:120]}"]
        if shown != cell["release"]["version"]:
            return [f"the address answers {shown[:40]!r} and the board says {cell['release']['version']}"]
        census = self.running.census()
        once = ("worker", "project", "service", "caddy", "scheduler")
        doubled = {name: census[name] for name in once if census[name] > 1}
        return [f"doubled: {doubled}"] if doubled else []

    def run(self, ident: str) -> dict[str, Any]:
        return dict(self.patiently("GET", f"/runs/{ident}"))

    def patiently(self, method: str, path: str, **body: Any) -> Any:
        """As a client that repeats what was not answered; each question with a key, so that nothing is done twice."""
        until = time.monotonic() + patience(WHOLE_WITHIN)
        while True:
            try:
                return self.running.call(method, path, **body)
            except (httpx.HTTPError, AssertionError) as error:
                refused = isinstance(error, AssertionError) and '"status":503' not in str(error).replace(" ", "")
                if refused or time.monotonic() > until:
                    raise
            time.sleep(0.3)

    def until(self, true: Callable[[], bool], what: str, *, within: float = WHOLE_WITHIN) -> None:
        until = time.monotonic() + patience(within)
        while not true():
            assert time.monotonic() < until, f"not in time: {what}"
            time.sleep(0.1)


class Attempts:
    """Looks at the processes all the while: two attempts of one run at work at once are what must never be."""

    def __init__(self, run: str) -> None:
        self.run = run
        self.overlaps: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(5)

    def _watch(self) -> None:
        while not self._stop.wait(0.3):
            seen: set[str] = set()
            for process in psutil.process_iter():
                with suppress(psutil.Error, OSError):
                    environ = process.environ()
                    if environ.get("TOWPATH_RUN") == self.run and "PORT" not in environ:
                        seen.add(environ.get("TOWPATH_ATTEMPT", ""))
            if len(seen) > 1 and not self.overlaps:
                self.overlaps.append(f"attempts {', '.join(sorted(seen))} were at work at once")
