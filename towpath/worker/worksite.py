"""Everything a run works with on this machine, gathered once: directories, supervisors, routes, ports."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from towpath.worker.host import Host
from towpath.worker.layout import Layout, ProjectLayout
from towpath.worker.ports import Ports
from towpath.worker.preparing import prepare_project
from towpath.worker.routes import Routes
from towpath.worker.session import now
from towpath.worker.supervisors import Supervisor, SupervisorAway

PATIENCE = 60.0


@dataclass
class Worksite:
    layout: Layout
    host: Host
    routes: Routes
    ports: Ports
    last_turn: dict[str, float] = field(default_factory=dict)  # app -> when the last turn on it ended
    draining: set[tuple[str, str]] = field(default_factory=set)  # (app, instance) that are being stopped
    changed: threading.Event = field(default_factory=threading.Event)  # what runs has changed: tell it at once
    stopping: threading.Event = field(default_factory=threading.Event)
    weighing: threading.Lock = field(default_factory=threading.Lock)  # whoever weighs a project's disk at this moment
    _supervisors: dict[str, Supervisor] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _starting: threading.Lock = field(default_factory=threading.Lock)
    _turns: dict[str, threading.Lock] = field(default_factory=dict)
    _children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _silent_since: dict[str, float] = field(default_factory=dict)

    @classmethod
    def at(cls, layout: Layout, host: Host) -> "Worksite":
        routes = Routes(layout)
        return cls(layout, host, routes, Ports(host, routes))

    def supervisor(self, project: str, *, within: float = 30) -> Supervisor:
        """The project's supervisor, answering. A joined worker starts it; elsewhere whoever placed us does."""
        with self._lock:
            supervisor = self._supervisors.setdefault(project, Supervisor(self.layout.project(project)))
        if not self.host.builtin:
            with self._starting:
                self._start_supervisor(project, supervisor)
        supervisor.wait_until_ready(within)
        return supervisor

    def present_projects(self) -> list[str]:
        """Projects whose directories are ready: those that have (or are about to have) a supervisor."""
        return sorted(path.name for path in self.layout.projects.iterdir() if (path / "run").is_dir())

    def answering(self, project: str, *, within: float = 10) -> Supervisor | None:
        """The project's supervisor if it answers at once; where others start it, asking it is left to the caller."""
        if self.host.builtin:
            with self._lock:
                return self._supervisors.setdefault(project, Supervisor(self.layout.project(project)))
        try:
            return self.supervisor(project, within=within)
        except (SupervisorAway, OSError):
            return None

    @contextmanager
    def turn(self, app: str, *, wait: Callable[[], None] | None = None, within: float = 0.0) -> Iterator[bool]:
        """Runs and the reconciling of one app take turns; it says whether this is one.

        A taken turn is waited for with `wait`, which is called meanwhile and may raise, or for `within` seconds.
        """
        with self._lock:
            lock = self._turns.setdefault(app, threading.Lock())
        mine = lock.acquire(timeout=within)
        while not mine and wait is not None:
            wait()
            mine = lock.acquire(timeout=0.2)
        try:
            yield mine
        finally:
            if mine:
                self.last_turn[app] = now()
                lock.release()

    def end_supervisors(self) -> None:
        """A joined worker whose environment is gone leaves nothing running."""
        for project in self.present_projects():
            with suppress(SupervisorAway, OSError):
                Supervisor(self.layout.project(project)).call("supervisor.shutdown")

    def _start_supervisor(self, project: str, supervisor: Supervisor) -> None:
        """Start the project's supervisor unless it runs; one that runs without answering is given a minute."""
        layout = self.layout.project(project)
        if supervisor_pid(layout) is not None:
            try:
                supervisor.call("towpath.abilities", timeout=2)
                self._silent_since.pop(project, None)
            except SupervisorAway:
                if now() - self._silent_since.setdefault(project, now()) > PATIENCE:
                    end_frozen(layout)
            return
        child = self._children.get(project)
        if child is not None and child.poll() is None:
            return  # it is coming up
        prepared = prepare_project(self.layout.root, project=project, tied=False)
        with open(layout.logs / "start.log", "ab") as log:
            # A session of its own: services keep running while the worker is restarted.
            self._children[project] = subprocess.Popen(
                prepared["command"],
                cwd=prepared["directory"],
                env=prepared["environment"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


def supervisor_pid(layout: ProjectLayout) -> int | None:
    """The process that the project's pid file names, if it is this project's supervisor."""
    try:
        pid = int((layout.run / "supervisord.pid").read_text(encoding="ascii"))
        arguments = Path("/proc", str(pid), "cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return pid if os.fsencode(layout.root / "supervisord.conf") in arguments else None


def end_frozen(layout: ProjectLayout) -> None:
    """A supervisor that runs without answering holds ports and services: end it, its programs end with it."""
    pid = supervisor_pid(layout)
    if pid is not None:
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)
