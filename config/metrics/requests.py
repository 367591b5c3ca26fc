"""Requests of this web process, counted and timed by door; its siblings' are added where they share a directory."""

import os

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

from config.front.door import DOOR
from environments.stream.asgi import Scope

# Given to the web processes of one installation by whoever starts them (config/up/programs.py).
SHARED = "PROMETHEUS_MULTIPROC_DIR"
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
OWN = CollectorRegistry()
SECONDS = Histogram(
    "towpath_http_request_duration_seconds",
    "From the arrival of a request to the first byte of its answer, by door and class of status.",
    ["door", "status"],
    buckets=BUCKETS,
    registry=OWN,
)
# By how an address begins, where no async door took the request.
DOORS = (
    ("/api/v1/workers/", "worker"),
    ("/api/", "rest"),
    ("/static/", "static"),
)


def observe(scope: Scope, status: int, seconds: float) -> None:
    """One request was answered."""
    SECONDS.labels(door_of(scope), f"{status // 100}xx").observe(seconds)


def door_of(scope: Scope) -> str:
    known: str = scope.get(DOOR, "")
    return known or next((door for begins, door in DOORS if scope["path"].startswith(begins)), "page")


def registry() -> CollectorRegistry:
    """What is told of requests, to which more may be added; where there are siblings, of all of them together."""
    if SHARED not in os.environ:
        return OWN
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]  # the library is not typed
    return together
