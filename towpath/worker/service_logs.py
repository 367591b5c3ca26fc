"""Services' output on its way to the control plane: each line once, in order, over restarts of the worker."""

import json
from datetime import UTC, datetime
from typing import Any

from towpath.worker.layout import read_json, write_atomically
from towpath.worker.lines import Follower, output_of
from towpath.worker.routes import Instance
from towpath.worker.session import Session
from towpath.worker.supervisors import Supervisor
from towpath.worker.worksite import Worksite

LINES_A_LOOK = 300
WAITING = 3000  # beyond this the files are read on later: nothing is dropped, nothing fills the memory


class ServiceLogs:
    def __init__(self, worksite: Worksite) -> None:
        self.worksite = worksite
        self.path = worksite.layout.worker / "cursors.json"
        kept = read_json(self.path)
        self.offsets: dict[str, int] = kept.get("offsets", {})  # "<deployment> <service>" -> lines told
        self.places: dict[str, list[int]] = kept.get("places", {})  # program and stream -> inode, position
        self.followers: dict[str, dict[str, Follower]] = {}
        self.waiting: dict[str, dict[str, Any]] = {}
        self.last: dict[str, str] = {}

    def collect(self, supervisor: Supervisor, instance: Instance) -> None:
        for service in instance.services:
            program = instance.program(service)
            if program not in self.followers:
                self.followers[program] = self._follow(supervisor, program)
            key = f"{instance.deployment} {service}"
            waiting = self.waiting.setdefault(
                key,
                {"app_id": instance.app, "service": service, "deployment_id": instance.deployment, "lines": []},
            )
            for stream, follower in self.followers[program].items():
                if len(waiting["lines"]) >= WAITING:
                    break
                for text in follower.read(LINES_A_LOOK):
                    self.last[program] = text or self.last.get(program, "")
                    waiting["lines"].append({"at": datetime.now(UTC).isoformat(), "stream": stream, "text": text})

    def last_line(self, instance: Instance, service: str) -> str | None:
        return self.last.get(instance.program(service))

    def send(self, session: Session) -> None:
        chunks = [
            {**waiting, "offset": self.offsets.get(key, 0), "lines": waiting["lines"][:LINES_A_LOOK]}
            for key, waiting in self.waiting.items()
            if waiting["lines"]
        ][:20]
        if not chunks:
            return
        session.call("/workers/me/service-logs", {"chunks": chunks})
        for chunk in chunks:
            key = f"{chunk['deployment_id']} {chunk['service']}"
            self.offsets[key] = self.offsets.get(key, 0) + len(chunk["lines"])
            del self.waiting[key]["lines"][: len(chunk["lines"])]
        self._keep()

    def _follow(self, supervisor: Supervisor, program: str) -> dict[str, Follower]:
        followers = output_of(supervisor.layout, program)
        for stream, follower in followers.items():
            follower.inode, follower.position = self.places.get(f"{program}.{stream}", [0, 0])
        return followers

    def _keep(self) -> None:
        """Write down how far we are, without what is read but not yet told: that is read again after a restart."""
        live = {
            instance.program(service): instance
            for app in self.worksite.routes.apps()
            for instance in self.worksite.routes.instances(app)
            for service in instance.services
        }
        self.followers = {program: kept for program, kept in self.followers.items() if program in live}
        self.last = {program: line for program, line in self.last.items() if program in live}
        deployments = {instance.deployment for instance in live.values()}
        self.offsets = {key: count for key, count in self.offsets.items() if key.split(" ")[0] in deployments}
        self.waiting = {key: kept for key, kept in self.waiting.items() if key in self.offsets or kept["lines"]}
        if any(waiting["lines"] for waiting in self.waiting.values()):
            return
        self.places = {
            f"{program}.{stream}": [follower.inode, follower.position - len(follower.partial)]
            for program, followers in self.followers.items()
            for stream, follower in followers.items()
        }
        write_atomically(self.path, json.dumps({"offsets": self.offsets, "places": self.places}) + "\n")
