"""Closed-loop measuring: every request is awaited, its status and size are checked, CPU is the whole process tree's."""

import itertools
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import httpx
import psutil
from django.db import connection

from config.env import ROOT
from config.up import ports

ROUNDS = 5
# Each is a few turns, so short that what else the machine does falls on neighbours alike.
TURNS = 5


@dataclass(frozen=True)
class Cost:
    """Milliseconds for each request: CPU of the server's processes, CPU of PostgreSQL, and the clock."""

    cpu: float
    database: float
    wall: float

    @property
    def whole(self) -> float:
        return self.cpu + self.database


class Server:
    """One uvicorn process on a free port."""

    def __init__(self, application: str, environment: dict[str, str]) -> None:
        self.port = ports.anywhere()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "uvicorn", application, "--host", "127.0.0.1", "--port", str(self.port)),
                *("--no-access-log", "--log-level", "warning", "--timeout-graceful-shutdown", "3"),
            ],
            env=environment,
            cwd=ROOT,
        )
        self.process = psutil.Process(self._process.pid)

    def wait(self, path: str) -> None:
        until = time.monotonic() + 20
        while True:
            try:
                if httpx.get(self.url + path, timeout=2).status_code < 500:
                    return
            except httpx.HTTPError:
                pass
            if time.monotonic() > until:
                raise SystemExit(f"{self.url}{path} does not answer.")
            time.sleep(0.1)

    def cpu(self) -> float:
        return sum(cpu_of(one.pid) for one in [self.process, *self.process.children(recursive=True)])

    def memory(self) -> int:
        return int(self.process.memory_info().rss)

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def cpu_of(pid: int) -> float:
    """CPU seconds of a process with all its threads: to the nanosecond on Linux, else to the clock's tick."""
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except (OSError, OverflowError):
        pass
    try:
        return sum(psutil.Process(pid).cpu_times()[:2])
    except psutil.Error:
        return 0.0


def database_cpu() -> float:
    """CPU seconds of PostgreSQL's backends that serve this run's database; those that ended are not counted."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
        return sum(cpu_of(row[0]) for row in cursor.fetchall())


@dataclass(frozen=True)
class Subject:
    """What is asked: an answer below `least` bytes is an error, so that nothing cheap is measured by mistake.

    `several` are more headers, others each time, one after the other and then from the beginning.
    """

    server: Server
    path: str
    least: int
    cookies: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 200
    several: Iterator[dict[str, str]] = field(default_factory=lambda: itertools.repeat({}))


class Costs:
    """What several subjects cost, asked in turns: what else the machine does falls on all of them."""

    def __init__(self, subjects: dict[str, Subject], requests: int) -> None:
        self.rounds: dict[str, list[Cost]] = {name: [] for name in subjects}
        with ExitStack() as stack:
            clients = {name: stack.enter_context(_client(subject)) for name, subject in subjects.items()}
            for name, subject in subjects.items():
                _round(subject, clients[name], requests)  # which warms up
            for _ in range(ROUNDS * TURNS):
                for name, subject in subjects.items():
                    self.rounds[name].append(_round(subject, clients[name], -(-requests // TURNS)))

    def of(self, name: str) -> Cost:
        one = self.rounds[name]
        return Cost(*(median([getattr(cost, part) for cost in one]) for part in ("cpu", "database", "wall")))

    def ratio(self, subject: str, floor: str, of: Callable[[Cost], float]) -> float:
        """The median of the turns' ratios; each turn's both sides were measured within moments of each other."""
        pairs = zip(self.rounds[subject], self.rounds[floor], strict=True)
        return median([of(one) / of(other) for one, other in pairs])


def _client(subject: Subject) -> httpx.Client:
    return httpx.Client(base_url=subject.server.url, cookies=subject.cookies, headers=subject.headers, timeout=30)


def _round(subject: Subject, client: httpx.Client, requests: int) -> Cost:
    cpu, database, clock = subject.server.cpu(), database_cpu(), time.perf_counter()
    for _ in range(requests):
        ask(subject, client)
    each = 1000 / requests
    wall = (time.perf_counter() - clock) * each
    return Cost((subject.server.cpu() - cpu) * each, (database_cpu() - database) * each, wall)


def ask(subject: Subject, client: httpx.Client) -> None:
    answer = client.get(subject.path, headers=next(subject.several))
    if answer.status_code != subject.status or len(answer.content) < subject.least:
        raise SystemExit(f"{answer.url} answered {answer.status_code} with {len(answer.content)} bytes.")


def median(values: list[float]) -> float:
    return statistics.median(values)


def percentile(values: list[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(part * (len(ordered) - 1)))]
