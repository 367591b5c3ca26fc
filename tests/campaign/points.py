"""The named points of a deployment, told by what is on disk and in the database; and how a worker is halted at one."""

import signal
import socket
import threading
import time
from contextlib import suppress
from enum import IntEnum
from typing import Self

import psutil

from tests.campaign.site import UNFINISHED, Site, at_work
from tests.patience import patience

# While the worker is followed it runs for this long at a time, in seconds, and is looked at before it goes on.
SLICE = 0.003
REACHED_WITHIN = 60.0
# What it had said before it was halted may still be on its way to the control plane for so many seconds.
UNDER_WAY = 0.3


class Point(IntEnum):
    """In the order in which a deployment passes them."""

    ACCEPTED = 0
    CLAIMED = 1
    IN_A_STEP = 2
    HEALTHY = 3
    BEFORE_SWITCH = 4
    AFTER_SWITCH = 5
    BEFORE_FINISH = 6
    ENDED = 7

    @property
    def words(self) -> str:
        return {Point.HEALTHY: "new service healthy"}.get(self, self.name.lower().replace("_", " "))


POINTS = tuple(Point)[1:7]


def point_of(site: Site, run: str) -> Point:
    """How far this run is, whatever it has said of itself."""
    phase, attempt, deployment = site.sql(
        "SELECT phase, attempt, deployment_id::text FROM environments_run WHERE id = %s", run
    )[0]
    if phase not in UNFINISHED:
        return Point.ENDED
    if not attempt:
        return Point.ACCEPTED
    steps = dict(
        site.sql("SELECT name, phase FROM environments_runstep WHERE run_id = %s AND attempt = %s", run, attempt)
    )
    current = site.routes.current(site.app)
    if current is not None and current.deployment == deployment:
        return Point.BEFORE_FINISH if steps.get("Drain") == "succeeded" else Point.AFTER_SWITCH
    ours = [one for one in site.routes.instances(site.app) if one.deployment == deployment]
    if ours and ours[-1].sealed:
        return Point.BEFORE_SWITCH
    if ours and all(listens(kept["port"]) for kept in ours[-1].services.values() if kept["port"]):
        return Point.HEALTHY
    return Point.IN_A_STEP if steps.get("build") == "running" else Point.CLAIMED


def listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


class Halted:
    """The environment's worker, stopped by SIGSTOP at the point (or behind it, where that went by); `reached` says."""

    def __init__(self, site: Site, run: str, point: Point) -> None:
        self.site = site
        self.run = run
        self.worker = site.processes("worker")
        self.reached = self._follow(point)

    def _follow(self, wanted: Point) -> Point:
        until = time.monotonic() + REACHED_WITHIN
        while True:
            self.tell(signal.SIGSTOP)
            if (reached := point_of(self.site, self.run)) >= wanted:
                time.sleep(patience(UNDER_WAY))
                return point_of(self.site, self.run)
            assert time.monotonic() < until, f"{self.run} does not get further than {reached.words}"
            self.tell(signal.SIGCONT)
            time.sleep(SLICE)

    def tell(self, number: signal.Signals) -> None:
        for process in self.worker:
            with suppress(psutil.Error):
                process.send_signal(number)

    def go_on(self) -> None:
        self.tell(signal.SIGCONT)


class Attempts:
    """Looks at the processes all the while: two attempts of one run at work at once are what must never be."""

    def __init__(self, run: str) -> None:
        self.run = run
        self.overlaps: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(5)

    def _watch(self) -> None:
        while not self._stop.wait(0.2):
            seen = at_work(lambda environ: environ.get("TOWPATH_RUN") == self.run)
            if len(seen) > 1 and not self.overlaps:
                self.overlaps.append(f"attempts {', '.join(sorted(seen))} were at work at once")
