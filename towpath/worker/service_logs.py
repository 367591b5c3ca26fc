"""Services' output on its way to the control plane: each line once, in order, over restarts of the worker."""

import json
from datetime import UTC, datetime
from typing import Any

from towpath.worker import messages
from towpath.worker.control_plane import EnvironmentTerminated, NotWelcome, Refused, Superseded
from towpath.worker.journal import say
from towpath.worker.layout import read_json, write_atomically
from towpath.worker.lines import Follower, output_of
from towpath.worker.routes import Instance
from towpath.worker.session import Session
from towpath.worker.supervisors import Supervisor
from towpath.worker.worksite import Worksite

LINES_A_LOOK = 300
CHUNKS = 20
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
            masks = self.worksite.routes.masks(instance)
            for stream, follower in self.followers[program].items():
                follower.masks = masks
                if len(waiting["lines"]) >= WAITING:
                    break
                for text in follower.read(LINES_A_LOOK):
                    self.last[program] = text or self.last.get(program, "")
                    waiting["lines"].append({"at": datetime.now(UTC).isoformat(), "stream": stream, "text": text})

    def last_line(self, instance: Instance, service: str) -> str | None:
        said = self.last.get(instance.program(service))
        return None if said is None else messages.cut(said)

    def send(self, session: Session) -> None:
        chunks = self._chunks()
        if not chunks:
            return
        try:
            session.call("/workers/me/service-logs", {"chunks": chunks})
        except (NotWelcome, EnvironmentTerminated, Superseded):
            raise
        except Refused as refusal:
            self._refused(chunks, refusal)
            return
        for chunk in chunks:
            key = f"{chunk['deployment_id']} {chunk['service']}"
            self.offsets[key] = self.offsets.get(key, 0) + len(chunk["lines"])
            del self.waiting[key]["lines"][: len(chunk["lines"])]
            # Whoever had their turn is last in the next round: one that writes without end holds up nobody.
            self.waiting[key] = self.waiting.pop(key)
        self._keep()

    def _chunks(self) -> list[dict[str, Any]]:
        pending = [(key, waiting) for key, waiting in self.waiting.items() if waiting["lines"]][:CHUNKS]
        left = messages.MOST
        chunks: list[dict[str, Any]] = []
        for key, waiting in pending:
            share = max(left // (len(pending) - len(chunks)), messages.MOST // 4)
            lines = messages.fitting(waiting["lines"], most=LINES_A_LOOK, room=min(left, share))
            if not lines:
                break
            left -= sum(len(messages.encoded(line)) + 1 for line in lines)
            chunks.append({**waiting, "offset": self.offsets.get(key, 0), "lines": lines})
        return chunks

    def _refused(self, chunks: list[dict[str, Any]], refusal: Refused) -> None:
        """What is refused for itself must not be sent for ever: in its place stands that it is missing."""
        say(f"service logs: {refusal}")
        for chunk in chunks:
            lines = self.waiting[f"{chunk['deployment_id']} {chunk['service']}"]["lines"]
            count = len(chunk["lines"])
            missing = {**chunk["lines"][0], "stream": "err", "text": f"[{count} lines are missing here: {refusal}]"}
            lines[:count] = [missing] if count > 1 else []

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
