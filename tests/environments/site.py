"""A place where environments become real in a test: a supervisor, an interpreter for other users, a web process."""

import dataclasses
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from django.test import override_settings

from config import env
from config.up import installation, interpreter, programs, survivors
from config.up.supervisor import Supervisor
from environments import heartbeats, lifecycle
from environments.delivery import deployments
from environments.doing import performing
from environments.management.commands import scheduler
from environments.models import Account, Deployment, Environment, Heartbeat, Run
from environments.planning import plans
from environments.runs import logs
from projects import apps, releases
from projects import lifecycle as projects
from projects.access import Actor
from projects.env_names import COOKIE
from projects.models import Project
from tests import builders
from tests.doors.web import Web
from tests.patience import patience
from tests.tying import tied

PLANTED = "planted-9e1c"


@dataclass
class Ground:
    """What lasts over the tests of a module: a home with a space in its name, a supervisor, an interpreter."""

    home: Path
    record: installation.Installation
    supervisor: Supervisor
    web: Web | None = None

    def served(self, environment: dict[str, str]) -> Web:
        """The web process, started for the first test that needs it; its database is emptied after each of them."""
        if self.web is None:
            self.web = Web(environment).start()
        return self.web

    def clear(self) -> None:
        """Take away every program and process that a test left."""
        for file in (self.home / "supervisor" / "conf.d").glob("*.conf"):
            file.unlink()
        rpc = self.supervisor.rpc()
        for group in {one["group"] for one in self.supervisor.processes()}:
            rpc.stopProcessGroup(group)
            rpc.removeProcessGroup(group)
        rpc.reloadConfig()
        survivors.end(self.record.id, gentle=0, sparing=[self.supervisor.process.pid, os.getpid()])
        for name in Path(self.record.environments_root).iterdir():
            if name.name != "interpreter":
                shutil.rmtree(name)


@contextmanager
def ground() -> Iterator[Ground]:
    directory = Path(tempfile.mkdtemp(prefix="towpath-site-"))
    directory.chmod(0o755)
    home = directory / "a home"
    home.mkdir()
    record = installation.load(home)
    (home / "logs").mkdir(mode=0o700)
    (home / "endpoints").mkdir(mode=0o700)
    interpreter.settle(record, home)
    # What a person has in the shell in which `make up` is typed.
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "DATABASE_URL": PLANTED, COOKIE: record.id}
    supervisor = Supervisor(home, programs.configure(home, []), environment)
    supervise(supervisor)
    made = Ground(home, record, supervisor)
    try:
        yield made
    finally:
        if made.web:
            made.web.close()
        made.clear()
        supervisor.stop(set(), 10)
        survivors.end(record.id, gentle=0)
        with suppress(OSError):
            register = installation.UID_REGISTER / str(record.uid_first)
            if register.read_text() == record.id:
                register.unlink()
        shutil.rmtree(directory)


def supervise(supervisor: Supervisor) -> None:
    """As it starts itself, but tied to the tests: killed, they leave nothing behind."""
    command = [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(supervisor.configuration)]
    supervisor.process = subprocess.Popen(tied(command), env=supervisor.environment, cwd="/", start_new_session=True)

    def answers() -> bool:
        with suppress(OSError):
            return bool(supervisor.rpc().getState())
        return False

    until(answers, 20, "the supervisor answers")


@dataclass
class Site:
    """An organization whose environments are provisioned for real; `perform` is its control worker."""

    ground: Ground
    web: Web
    owner: Actor
    projects: dict[str, Project] = field(default_factory=dict)

    def environment(self, name: str = "development", **fields: Any) -> Environment:
        made = lifecycle.create(by=self.owner, name=name, **fields)
        performing.perform_all()
        made.refresh_from_db()
        return made

    def deploy(self, environment: Environment, *, project: str = "WEB", manifest: dict[str, Any]) -> Deployment:
        """A fresh app of the project is deployed there; returns when it has ended."""
        if project not in self.projects:
            self.projects[project] = projects.create(by=self.owner, key=project, name=project)
        app = apps.create(by=self.owner, project=self.projects[project], name=builders.name("app"))
        release = releases.cut(by=self.owner, app=app, version="1.0", manifest=manifest)
        plan = plans.propose(by=self.owner, app=app, environment=environment, release=release)
        deployment = deployments.carry_out(plan, by=self.owner, confirm=environment.name)
        performing.perform_all()
        until(lambda: self.run_of(deployment).finished_at, 60)
        return deployment

    def run_of(self, deployment: Deployment) -> Run:
        return Run.objects.get(deployment=deployment)

    def output(self, run: Run) -> list[str]:
        return [line["text"] for line in logs.read(run, limit=10_000)]

    def processes(self, environment: Environment) -> list[psutil.Process]:
        """Whatever runs for this environment, found from outside."""
        uids = set(Account.objects.filter(environment=environment, uid__isnull=False).values_list("uid", flat=True))
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                words = " ".join(process.cmdline())
                mine = process.uids().real in uids or (environment.directory and environment.directory in words)
                if mine and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def programs(self, environment: Environment) -> list[str]:
        rpc = self.ground.supervisor.rpc()
        return [one["group"] for one in rpc.getAllProcessInfo() if environment.id.hex in one["group"]]


@contextmanager
def site(ground: Ground, server_environment: dict[str, str], *, isolated: bool) -> Iterator[Site]:
    """`isolated` false stands for a host that cannot separate users, root or not."""
    running = ground.served(server_environment)
    record = {name: value for name, value in dataclasses.asdict(ground.record).items() if name in FIELDS}
    found = env.Installation(**{**record, "web": f"127.0.0.1:{running.port}"})
    if not isolated:
        found = dataclasses.replace(found, isolated=False, isolation_note="one user for everything")
    with override_settings(INSTALLATION=found, TOWPATH_HOME=ground.home):
        try:
            yield Site(ground, running, builders.owner_of(builders.organization()))
        finally:
            ground.clear()


FIELDS = set(env.Installation.__dataclass_fields__)


def all_look() -> None:
    """As scheduler and control worker do every few seconds."""
    scheduler.work()
    heartbeats.beat(Heartbeat.Name.CONTROL)


def until(question: Callable[[], Any], seconds: float, what: str = "") -> Any:
    """The first true answer."""
    end = time.monotonic() + patience(seconds)
    while not (answer := question()):
        assert time.monotonic() < end, what or "it did not come in time"
        time.sleep(0.1)
    return answer
