"""A real installation in a directory of its own, started and stopped as a person would."""

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import psutil

from config.env import ROOT
from config.up import ports, survivors
from config.up.installation import UID_REGISTER

STARTS = itertools.count(1)


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

    def until_ready(self, seconds: float = 90) -> float:
        """Seconds that it took to say so."""
        began = time.monotonic()
        while "Towpath is ready" not in self.output():
            assert self.process.poll() is None, self.output()
            assert time.monotonic() - began < seconds, self.output()
            time.sleep(0.1)
        return float(re.search(r"is ready \(([\d.]+) s\)", self.output())[1])

    def until_ended(self, seconds: float = 40) -> int:
        return self.process.wait(seconds)

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
        identity = self.record["id"]
        survivors.end(identity, gentle=0)
        with suppress(OSError):
            register = UID_REGISTER / str(self.record["uid_first"])
            if register.read_text() == identity:
                register.unlink()
        if identity in self.record["environments_root"]:
            shutil.rmtree(self.record["environments_root"], ignore_errors=True)

    @property
    def record(self) -> dict:
        return json.loads((self.home / "installation.json").read_text())

    def processes(self) -> list[psutil.Process]:
        """Everything that belongs to this installation, apart from the parent."""
        return [one for one in survivors.find(self.record["id"]) if one.pid != self.process.pid]

    def census(self) -> Counter[str]:
        """How many there are of each program; PostgreSQL's and others' own children are not counted."""
        found = Counter()
        for process in self.processes():
            words = " ".join(process.cmdline())
            for name in ("config.up.web", "scheduler", "celery", "caddy run", "valkey-server", "supervisord"):
                found[name] += name in words
            found["postgres -D"] += "/postgres -D" in words
        return found

    def get(self, path: str = "/readyz") -> int:
        with urllib.request.urlopen(f"http://{self.record['web']}{path}", timeout=5) as answer:
            return answer.status


def free_bind() -> str:
    return f"127.0.0.1:{ports.anywhere()}"
