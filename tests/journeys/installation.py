"""A whole installation, started the way `make up` starts it, for journeys through it."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from config.env import ROOT
from config.up import ports
from config.up.installation import UID_REGISTER
from tests.patience import patience

READY_WITHIN = 300  # several may start at once on a busy machine, and each waits until another has its ports


class Installation:
    """Its address, its owner, and a client that speaks with the owner's token."""

    def __init__(self, home: Path) -> None:
        self.home = home
        # Where no installation has addresses, services or servers.
        self.bind = f"127.0.0.1:{ports.anywhere(14_000, 15_000)}"
        self.url = f"http://{self.bind}"
        self.log = home.parent / f"{home.name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        environment = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": os.environ.get("HOME", "/"),
            "TOWPATH_HOME": str(self.home),
            "TOWPATH_BIND": self.bind,
        }
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "config.up"],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_until(self._ready, READY_WITHIN, f"the installation is ready; {self.log} tells more")
        return self

    def _ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"It ended: {self.log.read_text()[-3000:]}")
        try:
            ready = httpx.get(f"{self.url}/readyz", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False
        return ready and (self.home / "first-run.json").exists()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(how)
        self._process.wait(60)

    @property
    def owner(self) -> dict[str, str]:
        return dict(json.loads((self.home / "first-run.json").read_text()))

    def client(self) -> httpx.Client:
        token = self.owner["access_token"]
        return httpx.Client(base_url=f"{self.url}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=60)


def take_back(home: Path) -> None:
    """What an installation that is stopped for good has outside of its home: its range of uids and its environments."""
    if not (home / "installation.json").exists():
        return
    record = json.loads((home / "installation.json").read_text())
    register = UID_REGISTER / str(record["uid_first"])
    with suppress(OSError):
        if register.read_text() == record["id"]:
            register.unlink()
    if record["id"] in record["environments_root"]:
        shutil.rmtree(record["environments_root"], ignore_errors=True)


def wait_until(true: Callable[[], Any], seconds: float, what: str) -> Any:
    """The first true answer; an AssertionError that says what did not come in time."""
    until = time.monotonic() + patience(seconds)
    while True:
        answer = true()
        if answer:
            return answer
        assert time.monotonic() < until, f"Not within {seconds} s: {what}"
        time.sleep(0.2)


@dataclass
class Load:
    """Requests one after another to an address, until told to stop; every answer but 200 is a failure."""

    url: str
    answered: int = 0
    failures: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        assert self._thread is not None
        self._thread.join(15)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                status, text = _get(self.url)
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                continue
            self.answered += 1
            if status != 200:
                self.failures.append(f"{status} {text[:80]}")
            if not self.seen or self.seen[-1] != text:
                self.seen.append(text)
            time.sleep(0.01)


def _get(url: str) -> tuple[int, str]:
    """By hand: a client made for every request would cost more than what it asks for.

    A new connection each time: a kept one would hide an address that no longer listens.
    """
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)
    try:
        connection.request("GET", parts.path or "/")
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()
