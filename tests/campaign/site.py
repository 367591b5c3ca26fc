"""One installation under fault, with one app in its default environment and a release of it for each fault."""

import os
import re
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any, LiteralString

import httpx
import psutil
import psycopg

from config.up import postgres
from config.up.supervisor import Supervisor
from tests.config.installations import MARKS, Running, free_bind, words
from tests.patience import patience
from towpath.worker.layout import Layout
from towpath.worker.routes import Routes

WHOLE_WITHIN = 60.0  # seconds, without a hand
UNFINISHED = {"queued", "running"}
ONCE = ("worker", "project", "service", "caddy", "scheduler", "control", "valkey", "supervisor")
KEPT = 3  # releases' directories, as the settings have it
BUILD = "mkdir www && echo $TOWPATH_VERSION > www/index.html && sleep 1"
SERVICE = {
    "name": "web",
    "run": "sleep 0.5; cd www && exec python3 -m http.server $PORT --bind 127.0.0.1",
    "health": {"http": "/", "within": "40s"},
}
MANIFEST = {"steps": [{"name": "build", "run": BUILD}], "services": [SERVICE]}


class Site:
    """What the faults happen to. Every question is asked over REST as anybody could, or of the database as it is."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.home = folder / "home"
        self.bind = free_bind()
        self.releases = 0
        self.ended_a_service = False
        self.more: Counter[str] = Counter()  # programs that run besides, on purpose
        self._database: psycopg.Connection[tuple[Any, ...]] | None = None
        self.start()
        self.environment = str(self.ask("GET", "/environments")[0]["id"])
        self.until(lambda: self.ask("GET", f"/environments/{self.environment}")["status"] == "active", "it is active")
        self.ask("POST", "/chains", name="Default", stages=[{"name": "Live", "environments": ["default"]}])
        project = self.ask("POST", "/projects", name="Faults", key="FAULTS")
        self.app = str(self.ask("POST", "/apps", project_id=project["id"], name="web")["id"])
        root = Path(self.running.record["environments_root"]) / self.environment
        self.routes = Routes(Layout(root))
        self.directories = Layout(root).project("FAULTS").releases
        first = self.deploy()
        self.until(lambda: self.run(first)["phase"] not in UNFINISHED, "the first release is live")
        self.address = str(self.ask("GET", "/endpoints")[0]["url"])
        self.until(lambda: not self.not_whole(first), "the first release is whole")

    def start(self) -> None:
        self.running = Running(self.home, TOWPATH_BIND=self.bind)
        self.running.until_ready(60)

    def end(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None
        if self.running.process.poll() is None:
            self.running.stop()
        self.running.clear_away()

    def deploy(self, manifest: dict[str, Any] = MANIFEST) -> str:
        """A new release on its way; its run."""
        self.releases += 1
        self.ended_a_service = False
        release = self.ask("POST", f"/apps/{self.app}/releases", version=f"{self.releases}.0", manifest=manifest)
        wish = {"app_id": self.app, "release_id": release["id"], "environment_id": self.environment}
        return str(self.ask("POST", "/promotions", **wish)["run_id"])

    def run(self, ident: str) -> dict[str, Any]:
        return dict(self.ask("GET", f"/runs/{ident}"))

    def ask(self, method: str, path: str, **body: Any) -> Any:
        """As a client that repeats what was not answered, under one key, so that nothing is done twice."""
        until, key = monotonic() + patience(WHOLE_WITHIN), str(uuid.uuid4())
        while True:
            try:
                return self.running.call(method, path, idempotency_key=key, **body)
            except (httpx.HTTPError, AssertionError) as error:
                refused = isinstance(error, AssertionError) and '"status":503' not in str(error).replace(" ", "")
                if refused or monotonic() > until:
                    raise
            sleep(0.3)

    def sql(self, statement: LiteralString, *values: Any) -> list[tuple[Any, ...]]:
        """The rows as they are, past everything that could be wrong; a lost connection is made anew."""
        for last in (False, True):
            try:
                if self._database is None:
                    cluster = postgres.cluster(self.home, port=self.running.record["postgres_port"])
                    url = cluster.url(postgres.SUPERUSER, cluster.superuser_password)
                    self._database = psycopg.connect(url, autocommit=True, connect_timeout=5)
                cursor = self._database.execute(statement, values)
                return cursor.fetchall() if cursor.description else []
            except psycopg.OperationalError:
                self._database = None
                if last:
                    raise
        return []

    def processes(self, name: str) -> list[psutil.Process]:
        mark = re.compile(MARKS[name])
        return [one for one in self.running.processes() if mark.search(words(one))]

    def supervisor(self) -> Any:
        return Supervisor(self.home, self.home, {}).rpc()

    def kill(self, name: str) -> int:
        """`kill -9`; how many there were. Of services the newest alone."""
        if name == "parent":
            self.running.process.kill()
            self.running.process.wait()
            return 1
        found = self.processes(name)
        if name == "service":
            found = sorted(found, key=lambda one: one.create_time())[-1:]
            self.ended_a_service = True
        killed = 0
        for process in found:
            with suppress(psutil.Error):
                process.kill()
                killed += 1
        return killed

    def not_whole(self, run: str, *, expected: str = "") -> list[str]:
        """What is not as it has to be: nothing where records, processes, directories and addresses agree."""
        try:
            return self._not_whole(run, expected)
        except (AssertionError, httpx.HTTPError, OSError, LookupError, psycopg.Error) as error:
            return [f"{type(error).__name__}: {str(error)[:120]}"]

    def _not_whole(self, run: str, expected: str) -> list[str]:
        ended = self.running.call("GET", f"/runs/{run}")
        unfinished = self.sql("SELECT count(*) FROM environments_run WHERE phase IN ('queued', 'running')")[0][0]
        if ended["phase"] in UNFINISHED or unfinished:
            return [f"the run is {ended['phase']}, {unfinished} are unfinished"]
        wrong = []
        if expected and ended["phase"] != expected:
            wrong.append(f"the run {ended['phase']} and should have {expected}: {ended['reason'][:100]}")
        board = self.running.call("GET", "/board")
        cell = next(row["cells"][0] for row in board["rows"] if row["app"]["id"] == self.app)
        version, shown = cell["release"]["version"], httpx.get(self.address, timeout=8).text.strip()
        if shown != version:
            wrong.append(f"the address answers {shown[:40]!r} and the board says {version}")
        # For a minute after its end a service is not trusted, and the board has to say that.
        shaky = {"degraded"} if self.ended_a_service else set()
        if cell["status"] not in shaky | ({"live"} if ended["phase"] == "succeeded" else {"live", ended["phase"]}):
            wrong.append(f"the board says {cell['status']}, the run {ended['phase']}")
        current = self.routes.current(self.app)
        if current is None or current.deployment != cell["deployment_id"]:
            wrong.append("the traffic is not where the board says")
        ours = [one for one in self.running.call("GET", "/workers") if one["environment_id"] == self.environment]
        if [one["state"] for one in ours] != ["idle"]:
            wrong.append(f"workers: {[one['state'] for one in ours]}")
        return [*wrong, *self.left_over(), *self.told_twice()]

    def left_over(self) -> list[str]:
        """Processes and directories that nothing names."""
        wrong = []
        census = self.running.census()
        expected = {name: 1 + self.more[name] for name in ONCE} | {"web": 2}
        if other := {name: census[name] for name, number in expected.items() if census[name] != number}:
            wrong.append(f"processes: {other}")
        if jobs := at_work(lambda environ: environ.get("HOME", "").startswith(f"{self.home}/")):
            wrong.append(f"still at work: attempts {sorted(jobs)}")
        if len(instances := self.routes.instances(self.app)) != 1:
            wrong.append(f"instances: {[one.name for one in instances]}")
        named, present = set(self.routes.releases(self.app)), {path.name for path in self.directories.iterdir()}
        if present - named or len(present) > KEPT:
            wrong.append(f"directories: {len(present)}, of which {len(present - named)} nobody names")
        return wrong

    def told_twice(self) -> list[str]:
        ends = self.sql(
            "SELECT object ->> 'id', count(*) FROM projects_event WHERE kind IN ('deployment.succeeded',"
            " 'deployment.failed', 'deployment.errored', 'deployment.cancelled') GROUP BY 1 HAVING count(*) > 1"
        )
        return [f"the end of {len(ends)} deployments is told more than once"] if ends else []

    def until(self, true: Callable[[], Any], what: str, *, within: float = WHOLE_WITHIN) -> None:
        until = monotonic() + patience(within)
        while not true():
            assert monotonic() < until, f"not in time: {what}"
            sleep(0.1)


def at_work(wanted: Callable[[dict[str, str]], bool]) -> set[str]:
    """Attempts whose steps run on this machine just now; services, which have ports, are no work."""
    seen = set()
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with suppress(OSError, ValueError):
                raw = Path("/proc", entry, "environ").read_bytes().decode(errors="replace")
                environ = dict(pair.split("=", 1) for pair in raw.split("\0") if "=" in pair)
                if environ.get("TOWPATH_ATTEMPT") and "PORT" not in environ and wanted(environ):
                    seen.add(environ["TOWPATH_ATTEMPT"])
    return seen
