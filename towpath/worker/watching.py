"""Watch what runs: states from the supervisors, health by asking, use from the processes; tell the control plane."""

import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from towpath.worker import disk, health, messages
from towpath.worker.journal import say
from towpath.worker.judging import Watched, judge
from towpath.worker.processes import listeners
from towpath.worker.reconciling import Reconciler
from towpath.worker.routes import Instance
from towpath.worker.service_logs import ServiceLogs
from towpath.worker.standing import Standing
from towpath.worker.storage import Storage
from towpath.worker.supervisors import Supervisor, SupervisorAway, bounded

LOOK_EVERY = 2.0
TELL_EVERY = 5.0
PROBE_EVERY = 5.0
COMMAND_EVERY = 15.0
# A supervisor that has kept us waiting in vain is left alone for a while. What it said last is believed for as long as
# a machine with much to do may take; after that nobody knows. Silence alone costs no service its address.
SLOW, LEFT_ALONE, BELIEVED = 3.0, 15.0, 30.0


@dataclass(frozen=True)
class Heard:
    """What a project's supervisor said last."""

    supervisor: Supervisor
    look: dict[str, dict[str, Any]]
    in_use: set[int]


class Watcher:
    def __init__(self, standing: Standing, reconciler: Reconciler) -> None:
        self.standing = standing
        self.reconciler = reconciler
        self.worksite = standing.worksite
        # By project and program: a project names its programs as it likes, another's too.
        self.watched: dict[tuple[str, str], Watched] = {}
        self.silent_since: dict[str, float] = {}
        self.silent_until: dict[str, float] = {}
        self.heard: dict[str, Heard] = {}
        self.in_use: dict[str, set[int]] = {}
        self.logs = ServiceLogs(self.worksite)
        self.storage = Storage(self.worksite)
        # One for each project: those whose answers take long hold up no other's.
        self.pools = defaultdict[str, ThreadPoolExecutor](partial(ThreadPoolExecutor, 4, thread_name_prefix="probe"))

    def loop(self) -> None:
        told_at, told = 0.0, None
        while not self.standing.stop.is_set():
            try:
                observed = self.look()
                changed = essence(observed) != told
                due = changed or time.monotonic() - told_at >= TELL_EVERY
                if due and self.standing.survive(partial(self._tell, observed)):
                    told_at, told = time.monotonic(), essence(observed)
                self.standing.survive(lambda: self.logs.send(self.standing.session))
            except Exception as error:  # watching goes on whatever one look ran into
                say(f"watching: {type(error).__name__}: {error}")
            self.worksite.changed.wait(LOOK_EVERY)
            self.worksite.changed.clear()

    def look(self) -> dict[str, Any]:
        looks: dict[str, dict[str, dict[str, Any]]] = {}
        supervisors: dict[str, Supervisor] = {}
        cpu, memory = 0.0, 0
        # Before anybody is asked: what begins and gets the traffic meanwhile is missing from answers, and yet there.
        asked_about = (self.worksite.routes.current(app) for app in self.worksite.routes.apps())
        currents = [current for current in asked_about if current is not None]
        present = self.worksite.present_projects()
        self.silent_since = {project: since for project, since in self.silent_since.items() if project in present}
        for project in present:
            heard = self._hear(project)
            if heard is None:
                continue
            looks[project], supervisors[project] = heard.look, heard.supervisor
            self.in_use[project] = heard.in_use
            for name, look in looks[project].items():
                watched = self.watched.setdefault((project, name), Watched())
                watched.use(look)
                cpu, memory = cpu + watched.cpu, memory + look["memory"]
        known = {(project, name) for project, look in looks.items() for name in look}
        self.watched = {key: watched for key, watched in self.watched.items() if key in known}
        for app in self.worksite.routes.apps():
            for instance in self.worksite.routes.instances(app):
                if supervisor := supervisors.get(instance.project):
                    self.logs.collect(supervisor, instance)
        slots = [
            self._slot(supervisors.get(current.project), current, looks.get(current.project, {}))
            for current in currents
        ]
        resources: dict[str, Any] = {
            "cpu": round(bounded(cpu), 4),
            "memory": bounded(memory),
            "storage": self.storage.bytes(supervisors),
        }
        if left := disk.room(self.worksite.layout.root):
            resources["disk"] = left
        return {"slots": slots, "resources": resources, "missing": list(self.reconciler.missing)}

    def _hear(self, project: str) -> Heard | None:
        """What the project's supervisor says, and who says it. No project may blind its environment by being silent."""
        begun = time.monotonic()
        if self.silent_until.get(project, 0.0) <= begun:
            with suppress(SupervisorAway):
                supervisor = self.worksite.answering(project, within=1)
                if supervisor is not None:
                    self.heard[project] = Heard(supervisor, *supervisor.look_around())
                    self.silent_since.pop(project, None)
                    return self.heard[project]
            if time.monotonic() - begun <= SLOW:
                # It is not there, and so nothing of it is.
                self.silent_since.pop(project, None)
                self.heard.pop(project, None)
                return None
            self.silent_since.setdefault(project, begun)
            self.silent_until[project] = time.monotonic() + LEFT_ALONE
        return self.heard.get(project)

    def _unknown(self, project: str) -> bool:
        """Nobody can say how its services are: its supervisor has been silent for too long, or all the time."""
        since = self.silent_since.get(project)
        return since is not None and (project not in self.heard or time.monotonic() - since >= BELIEVED)

    def _slot(
        self, supervisor: Supervisor | None, current: Instance, look: dict[str, dict[str, Any]]
    ) -> dict[str, Any]:
        services = []
        for name in current.services:
            program = current.program(name)
            services.append(self._service(supervisor, current, name, look.get(program)))
        return {
            "app_id": current.app,
            "deployment_id": current.deployment,
            "number": current.number,
            "services": services,
        }

    def _service(
        self, supervisor: Supervisor | None, current: Instance, name: str, look: dict[str, Any] | None
    ) -> dict[str, Any]:
        kept = current.services[name]
        watched = self.watched.setdefault((current.project, current.program(name)), Watched())
        if supervisor is not None and look is not None:
            self._probe(supervisor, current, name, watched, look)
        within = kept["health"]["within"] if kept["health"] else 30.0
        state = (
            "unknown"
            if self._unknown(current.project)
            else judge(watched, look, within, wall=time.time(), clock=time.monotonic())
        )
        if state != watched.state:
            watched.state, watched.since = state, datetime.now(UTC).isoformat()
        self._guard_address(current, name, kept["port"], look)
        hide = self.worksite.routes.masks(current).hide_text
        exit_words = health.describe_exit(look) if look and look["exits"] else None
        trouble = watched.trouble if state in ("unhealthy", "crash-looping", "backoff") else None
        return {
            "name": name,
            "state": state,
            "pid": look["pid"] if look else None,
            "port": kept["port"],
            "restarts": watched.exits(look) if look else watched.exits_before,
            "exit": exit_words and hide(exit_words),
            "line": self.logs.last_line(current, name),
            "trouble": trouble and hide(trouble),
            "since": watched.since,
            "cpu": round(watched.cpu, 4),
            "memory": look["memory"] if look else 0,
        }

    def _probe(
        self, supervisor: Supervisor, current: Instance, name: str, watched: Watched, look: dict[str, Any]
    ) -> None:
        clock = time.monotonic()
        if watched.probing is not None:
            if not watched.probing.done():
                return
            error = watched.probing.exception()
            watched.trouble = str(error) if error else watched.probing.result()
            watched.probing = None
            if watched.trouble is None:
                watched.well_at = clock
        wanted = current.services[name]["health"]
        every = COMMAND_EVERY if wanted and wanted["kind"] == "command" else PROBE_EVERY
        if clock - watched.probed_at >= (every if watched.trouble is None else min(every, 2.0)):
            watched.probed_at = clock
            pool = self.pools[current.project]
            watched.probing = pool.submit(health.probe, supervisor, current, name, look)

    def _guard_address(self, current: Instance, name: str, port: int | None, look: dict[str, Any] | None) -> None:
        """The address must never lead to somebody else's process that took the port."""
        if not port:
            return
        if current.project in self.silent_since:
            # Then the kernel says whose it is.
            own = self.worksite.layout.project(current.project).uid
            self.worksite.routes.point(current, name, port if listeners(port) == {own} else None)
            return
        if look is not None and port in look["ports"]:
            self.worksite.routes.point(current, name, port)
        elif look is None or port in self.in_use.get(current.project, ()):
            self.worksite.routes.point(current, name, None)

    def _tell(self, observed: dict[str, Any]) -> None:
        self.standing.notice_version(self.standing.session.call("/workers/me/observations", shortened(observed)))


def shortened(observed: dict[str, Any]) -> dict[str, Any]:
    """What services said last is cut shorter where all of it together would not fit into one message."""
    longest = messages.LONGEST
    while len(messages.encoded(observed)) > messages.MOST and longest > 1:
        longest //= 2
        for slot in observed["slots"]:
            for service in slot["services"]:
                service |= {said: messages.cut(service[said] or "", longest) or None for said in ("line", "trouble")}
    return observed


def essence(observed: dict[str, Any]) -> list[Any]:
    """What is told at once when it changes; measurements wait for their turn."""
    return [
        observed["missing"],
        [
            (
                slot["deployment_id"],
                [(service["name"], service["state"], service["restarts"]) for service in slot["services"]],
            )
            for slot in observed["slots"]
        ],
    ]
