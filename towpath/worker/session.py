"""The worker's standing with the control plane: registering, and proving after a restart that it is the same one."""

import json
import os
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from towpath import __version__
from towpath.worker.control_plane import ControlPlane, Refused, Unreachable
from towpath.worker.host import Host
from towpath.worker.layout import Layout, read_json, write_atomically


@dataclass
class Session:
    control_plane: ControlPlane
    layout: Layout
    host: Host
    environment: str
    address: str
    worker_id: str = ""
    environment_id: str = ""
    lease_seconds: float = 30
    renew_seconds: float = 5
    welcome: threading.Event = field(default_factory=threading.Event)
    _registering: threading.Lock = field(default_factory=threading.Lock)
    generation: int = 0

    def register(self, generation: int) -> None:
        """One try. The previous session, kept in a 0600 file, proves a restart and closes what that one still held.

        `generation` is the one that was found wanting: where another thread has replaced it, nothing is left to do.
        """
        with self._registering:
            if generation != self.generation:
                return
            path = self.layout.worker / "session.json"
            previous = read_json(path)
            self.control_plane.credential = self.layout.token.read_text(encoding="utf-8").strip()
            answer = self.control_plane.call(
                "/workers/register",
                {
                    "environment_name": self.environment,
                    "hostname": os.uname().nodename,
                    "version": __version__,
                    "previous_session": previous.get("session"),
                    "host": self.host.told(self.address),
                    "worker_metadata": {},
                },
            )
            write_atomically(path, json.dumps({"session": answer["session"], "worker_id": answer["worker_id"]}) + "\n")
            self.control_plane.credential = str(answer["session"])
            self.worker_id = str(answer["worker_id"])
            self.environment_id = str(answer.get("environment_id") or "")
            self.lease_seconds = float(answer.get("lease_seconds") or 30)
            self.renew_seconds = float(answer.get("renew_seconds") or 5)
            self.generation += 1
            self.welcome.set()

    @property
    def known_before(self) -> bool:
        """Whether this directory's worker was ever let in."""
        return (self.layout.worker / "session.json").exists()

    def call(
        self, path: str, body: dict[str, Any] | None = None, *, timeout: float = 10, traceparent: str = ""
    ) -> dict[str, Any]:
        return self.control_plane.call(path, body, timeout=timeout, traceparent=traceparent)

    def disconnect(self, *, reason: str, exit_code: int = 0) -> None:
        """Say goodbye; nothing depends on it, the lease would end by itself."""
        if not self.worker_id:
            return
        try:
            self.call(
                f"/workers/{self.worker_id}/disconnect",
                {"reason": reason, "exit_code": exit_code, "error_message": None},
                timeout=3,
            )
        except (Unreachable, Refused):
            return


def now() -> float:
    """Seconds that also pass while the machine sleeps: leases end meanwhile."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
