"""Closed-loop measuring: every request is awaited, its status and size are checked, CPU is the whole process tree's."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx
import psutil

from config.env import ROOT
from config.up import ports

ROUNDS = 3


@dataclass(frozen=True)
class Cost:
    """Milliseconds for each request: CPU of the server's processes, CPU of PostgreSQL, and the clock."""

    cpu: float
    database: float
    wall: float
    size: int


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
        return sum(sum(one.cpu_times()[:2]) for one in [self.process, *self.process.children(recursive=True)])

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def cost(
    server: Server,
    path: str,
    *,
    requests: int,
    database_cpu: Callable[[], float],
    cookies: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    least: int = 1,
) -> Cost:
    """The median of three rounds of `requests` each, after a warm-up; an answer below `least` bytes is an error."""
    rounds: list[Cost] = []
    with httpx.Client(base_url=server.url, cookies=cookies, headers=headers, timeout=30) as client:
        for _ in range(max(10, requests // 10)):
            size = _checked(client.get(path), least)
        for _ in range(ROUNDS):
            cpu, database, clock = server.cpu(), database_cpu(), time.perf_counter()
            for _ in range(requests):
                size = _checked(client.get(path), least)
            each = 1000 / requests
            rounds.append(
                Cost(
                    (server.cpu() - cpu) * each,
                    (database_cpu() - database) * each,
                    (time.perf_counter() - clock) * each,
                    size,
                )
            )
    return sorted(rounds, key=lambda one: one.cpu)[ROUNDS // 2]


def _checked(answer: httpx.Response, least: int) -> int:
    if answer.status_code != 200 or len(answer.content) < least:
        raise SystemExit(f"{answer.url} answered {answer.status_code} with {len(answer.content)} bytes.")
    return len(answer.content)


def median(values: list[float]) -> float:
    return statistics.median(values)


def percentile(values: list[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(part * (len(ordered) - 1)))]
