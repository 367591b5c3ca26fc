"""What one look at a program is worth: the word for its state, from what was seen of it so far."""

import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from towpath.worker import programs
from towpath.worker.supervisors import bounded

CRASH_LOOP_EXITS, CRASH_LOOP_SECONDS = 3, 300.0
UNHEALTHY_AFTER = 60.0


@dataclass
class Watched:
    """What is remembered of one program between two looks."""

    first_seen: float = field(default_factory=time.monotonic)
    probed_at: float = 0.0
    well_at: float = 0.0
    trouble: str | None = "not asked yet"
    probing: Future[str | None] | None = None
    state: str = "starting"
    since: str = field(default_factory=lambda: datetime.now(UTC).isoformat())
    cpu_seconds: float = 0.0
    cpu_at: float = 0.0
    pid: int = 0
    cpu: float = 0.0
    exits_before: int = 0
    exits_seen: int = 0

    def use(self, look: dict[str, Any]) -> None:
        moment = time.monotonic()
        if look["pid"] == self.pid and moment > self.cpu_at:
            self.cpu = bounded((look["cpu_seconds"] - self.cpu_seconds) / (moment - self.cpu_at))
        self.pid, self.cpu_seconds, self.cpu_at = look["pid"], look["cpu_seconds"], moment

    def exits(self, look: dict[str, Any]) -> int:
        """How often it ended by itself, counted on over a restart of its supervisor."""
        if look["exit_count"] < self.exits_seen:
            self.exits_before = bounded(self.exits_before + self.exits_seen)
        self.exits_seen = look["exit_count"]
        return bounded(self.exits_before + self.exits_seen)


def judge(watched: Watched, look: dict[str, Any] | None, within: float, *, wall: float, clock: float) -> str:
    """One word for a service: from its supervisor's view, its exits and its last answers."""
    if look is None or look["state"] in programs.ENDED:
        return "stopped"
    if len([at for at, _ in look["exits"] if wall - at < CRASH_LOOP_SECONDS]) >= CRASH_LOOP_EXITS:
        return "crash-looping"
    if look["state"] == programs.BACKOFF:
        return "backoff"
    if watched.trouble is None:
        return "running"
    if watched.well_at:
        return "unhealthy" if clock - watched.well_at > UNHEALTHY_AFTER else "running"
    return "unhealthy" if clock - watched.first_seen > max(within, UNHEALTHY_AFTER) else "starting"
