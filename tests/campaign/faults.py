"""`kill -9` of each program at each named point of a deployment, and what a fault comes to."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.campaign.points import POINTS, Attempts, Halted, Point
from tests.campaign.site import MANIFEST, WHOLE_WITHIN, Site
from tests.patience import patience

VICTIMS = (
    *("parent", "supervisor", "postgres", "valkey", "caddy", "service", "project", "worker"),
    *("control", "scheduler", "web"),
)
NAMES = {
    "web": "both web processes",
    "control": "the control worker",
    "worker": "the environment's worker",
    "project": "the supervisor of its project",
    "service": "one service",
    "caddy": "the proxy",
    "valkey": "Valkey",
    "postgres": "PostgreSQL",
    "supervisor": "the installation's supervisor",
    "parent": "the parent of `make up`",
}
LONGEST = 240.0  # seconds that even the busiest machine is given
TRIES = 12  # a point that has gone by before the worker was halted is tried again with another release


@dataclass
class Found:
    """What one fault came to. `whole` in seconds, `wrong` what was not as it has to be."""

    what: str
    point: str = ""
    at: float = 0.0  # the machine's clock when it was done
    hit: str = ""
    phase: str = ""
    attempts: int = 0
    whole: float = 0.0
    wrong: list[str] = field(default_factory=list)
    tried: bool = True

    @property
    def name(self) -> str:
        return f"{self.what}, {self.point}" if self.point else self.what

    def done(self, hit: str) -> None:
        """What was hit, which has to be the point that was meant where there is one."""
        self.at, self.hit = time.time(), hit
        if self.point and hit != self.point:
            self.wrong.append("not hit")


@dataclass(frozen=True)
class Fault:
    name: str
    act: Callable[[Site], Found]


def kill(site: Site, victim: str, point: Point) -> Found:
    found = Found(f"kill -9 of {NAMES.get(victim, 'the ' + victim)}", point.words)
    run, halted = at_point(site, point)
    with watched(site, found, run):
        killed = site.kill(victim)
        found.done(halted.reached.words if killed else "nobody there")
        halted.go_on()
        if victim == "parent":
            site.start()
    return found


def at_point(site: Site, point: Point, *, manifest: dict[str, Any] = MANIFEST) -> tuple[str, Halted]:
    """A new release whose worker is halted there; the last of the tries wherever it came to be halted."""
    for turn in range(TRIES):
        run = site.deploy(manifest)
        halted = Halted(site, run, point)
        if halted.reached == point or turn == TRIES - 1:
            break
        halted.go_on()
        site.until(lambda run=run: not site.not_whole(run), "whole before the next try")
    return run, halted


@contextmanager
def watched(
    site: Site, found: Found, run: str, *, expected: str = "", check: Callable[[], list[str]] = list
) -> Iterator[None]:
    """What is done to the site inside, and then whether it becomes whole by itself; `check` asks for more."""
    with Attempts(run) as attempts:
        yield
        began, wrong = time.monotonic(), ["nothing was looked at"]
        while wrong and time.monotonic() - began < min(patience(WHOLE_WITHIN), LONGEST):
            time.sleep(0.5)
            wrong = site.not_whole(run, expected=expected) or check()
        found.whole = time.monotonic() - began
    found.wrong += [*wrong, *attempts.overlaps]
    with suppress(Exception):
        ended = site.run(run)
        found.phase, found.attempts = str(ended["phase"]), int(ended["attempt"])


def kills() -> list[Fault]:
    return [
        Fault(
            Found(f"kill -9 of {NAMES.get(victim, 'the ' + victim)}", point.words).name,
            partial(kill, victim=victim, point=point),
        )
        for victim in VICTIMS
        for point in POINTS
    ]
