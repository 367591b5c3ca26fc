"""From an accepted promotion to the first step, by the step's own clock, in a whole installation."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import redis

from config.env import ROOT
from config.up import installation, postgres, valkey
from tests.benchmarks import noop, seed
from tests.benchmarks.measuring import Server, median, percentile
from tests.benchmarks.report import Report
from tests.journeys.installation import Installation, take_back, wait_until

HOW = """
`make up` with all its processes. From the moment in which `POST /promotions` was answered until the manifest's first
step, which is `date`, tells the time: claim, fetch and spawn lie between. The floor uses the same PostgreSQL and
Valkey, one round of it before each promotion.
"""
PROMOTIONS = 12
GATE = 8.0
# The step tells when it began: nobody else's clock, and nothing that is told on the way, is in the figure.
MANIFEST = 'steps:\n  - {name: clock, run: "date +%s.%N"}\n'
FLOOR = "Celery's no-op from submit to start, two minimal POSTs and a spawn"


def measure(report: Report) -> None:
    report.section("Promotion", HOW)
    with _installed() as running, _floor(running) as floor, running.client() as client:
        operator = Operator(client)
        operator.prepare()
        for environments in (seed.FEW, seed.MANY):
            with psycopg.connect(_cluster(running).owner_url) as connection:
                seed.fill(connection, environments)
            _settle(running)
            rounds = [(floor.round(), operator.promote()) for _ in range(PROMOTIONS + 1)][1:]
            asked, posted, spawned = ([one[n] for one, _ in rounds] for n in range(3))
            waits = [wait for _, (wait, _) in rounds]
            least = median(asked) + 2 * median(posted) + median(spawned)
            report.at_most(
                f"Promotion accepted until its first step runs, p50, among {environments:,} environments",
                median(waits) / least,
                GATE,
                f"{median(waits):.0f} ms (slowest of {PROMOTIONS} {percentile(waits, 1):.0f} ms) to {least:.1f} ms of"
                f" {FLOOR} ({median(asked):.1f} + 2 x {median(posted):.1f} + {median(spawned):.1f})",
            )
            report.add(
                f"Of that: until the run's page shows its first line, Fetch, among {environments:,} environments",
                f"{median([shown for _, (_, shown) in rounds]):.0f} ms",
            )


class Operator:
    """Speaks the API: development gets each release first, staging by promotion."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.releases = 0

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(path, params=query).raise_for_status().json()

    def post(self, path: str, **body: Any) -> Any:
        return self.client.post(path, json=body).raise_for_status().json()

    def prepare(self) -> None:
        stages = [{"name": name.title(), "environments": [name]} for name in ("development", "staging")]
        self.post("/chains", name="Default", stages=stages, create_missing=True)
        self.places = wait_until(self._places, 90, "two environments with a worker each")
        project = self.post("/projects", name="Bench", key="BENCH")
        self.app = self.post("/apps", project_id=project["id"], name="clock")

    def _places(self) -> dict[str, str] | None:
        found = {one["name"]: one for one in self.get("/environments")}
        if all(found.get(name, {}).get("status") == "active" for name in ("development", "staging")):
            return {name: found[name]["id"] for name in found}
        return None

    def promote(self) -> tuple[float, float]:
        """Of the promotion of one more release to staging: milliseconds until its first step, until its run begins."""
        self.releases += 1
        release = self.post(f"/apps/{self.app['id']}/releases", version=f"1.{self.releases}", manifest=MANIFEST)
        self._carried_out(release, "development")
        time.sleep(0.3)  # whatever follows a deployment is over
        accepted, run = self._carried_out(release, "staging")
        first = datetime.fromisoformat(self.get(f"/runs/{run}")["steps"][0]["started_at"]).timestamp()
        return (self._began(run) - accepted) * 1000, (first - accepted) * 1000

    def _carried_out(self, release: Any, place: str) -> tuple[float, str]:
        made = self.post(
            "/promotions",
            app_id=self.app["id"],
            release_id=release["id"],
            environment_id=self.places[place],
            confirm=place,
        )
        accepted = time.time()
        run = made["run_id"]

        def ended() -> bool:
            found = self.get(f"/runs/{run}")
            if found["phase"] not in ("queued", "running", "succeeded"):
                raise SystemExit(f"The promotion to {place} {found['phase']}: {found['reason']}")
            return bool(found["phase"] == "succeeded")

        wait_until(ended, 60, f"the promotion to {place}")
        return accepted, str(run)

    def _began(self, run: str) -> float:
        lines = [line["text"] for line in self.get(f"/runs/{run}/logs") if line["stream"] == "out"]
        return float(lines[0])


class Floor:
    """A Celery worker, a minimal Django and a spawn, on the installation's own PostgreSQL and Valkey."""

    def __init__(self, server: Server, broker: str) -> None:
        self.server = server
        self.client = httpx.Client(base_url=server.url)
        self.broker = redis.Redis.from_url(broker)

    def round(self) -> tuple[float, float, float]:
        return self._submitted(), self._posted(), self._spawned()

    def _submitted(self) -> float:
        began = time.time()
        noop.app.send_task("tests.benchmarks.noop.noop", queue=noop.QUEUE)
        answer = self.broker.blpop([noop.BEGAN], timeout=10)
        assert answer, "Celery's no-op did not run"
        return (float(answer[1]) - began) * 1000

    def _posted(self) -> float:
        began = time.perf_counter()
        for _ in range(4):
            self.client.post("/write").raise_for_status()
        return (time.perf_counter() - began) * 1000 / 4

    def _spawned(self) -> float:
        began = time.time()
        told = subprocess.run(["date", "+%s.%N"], capture_output=True, check=True).stdout
        return (float(told) - began) * 1000


@contextmanager
def _installed() -> Iterator[Installation]:
    with tempfile.TemporaryDirectory(prefix="towpath-bench-") as directory:
        Path(directory).chmod(0o755)
        running = Installation(Path(directory) / "home")
        try:
            yield running.start()
        finally:
            running.stop()
            take_back(running.home)


def _cluster(running: Installation) -> postgres.Cluster:
    return postgres.cluster(running.home, port=installation.load(running.home).postgres_port)


def _settle(running: Installation) -> None:
    """What the filling has left to do is done now, and not beside what is measured."""
    cluster = _cluster(running)
    superuser = cluster.url(postgres.SUPERUSER, cluster.superuser_password)
    with psycopg.connect(superuser, autocommit=True) as connection:
        for statement in ("VACUUM environments_environment", "CHECKPOINT"):
            connection.execute(statement)


@contextmanager
def _floor(running: Installation) -> Iterator[Floor]:
    broker = valkey.broker(running.home, port=installation.load(running.home).valkey_port).url
    environment = {name: os.environ[name] for name in ("PATH", "TOWPATH_HOME", "TOWPATH_TESTING")} | {
        "LANG": "C.UTF-8",
        "DJANGO_SETTINGS_MODULE": "tests.benchmarks.floor_settings",
        "DATABASE_URL": _cluster(running).owner_url,
        "REDIS_URL": broker,
    }
    noop.app.conf.broker_url = broker
    celery = subprocess.Popen(
        [
            *(sys.executable, "-m", "celery", "-A", "tests.benchmarks.noop", "worker", "-Q", noop.QUEUE),
            *("--pool=threads", "-c", "4", "--loglevel=CRITICAL", "--without-gossip", "--without-mingle"),
        ],
        env=environment | {"DATABASE_URL": "", "C_FORCE_ROOT": "1"},
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    server = Server("tests.benchmarks.floors:application", environment)
    try:
        server.wait("/page")
        yield Floor(server, broker)
    finally:
        server.stop()
        celery.send_signal(signal.SIGTERM)
        celery.wait(15)
