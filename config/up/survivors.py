"""Processes of this installation that outlived their parent: found by the cookie in their environment, and ended."""

import os
import signal
import time
from collections.abc import Collection
from contextlib import suppress

import psutil

from projects.env_names import COOKIE

GENTLE = 6.0
PATIENCE = 15.0


def find(identity: str, *, sparing: Collection[int] = ()) -> list[psutil.Process]:
    """Every process that carries the cookie, and all that descend from one (they may have dropped it)."""
    spared = {os.getpid(), *sparing, *(process.pid for process in psutil.Process().parents())}
    # One look at each process: asking psutil for the children of each would look at all of them every time.
    everyone = list(psutil.process_iter(["pid", "ppid", "status", "environ"]))
    children: dict[int, list[psutil.Process]] = {}
    for process in everyone:
        children.setdefault(process.info["ppid"], []).append(process)
    waiting = [one for one in everyone if (one.info["environ"] or {}).get(COOKIE) == identity]
    found: dict[int, psutil.Process] = {}
    while waiting:
        process = waiting.pop()
        if process.pid not in found and process.pid not in spared:
            found[process.pid] = process
            waiting += children.get(process.pid, [])
    return [process for process in found.values() if process.info["status"] != psutil.STATUS_ZOMBIE]


def end(identity: str, *, sparing: Collection[int] = (), gentle: float = GENTLE) -> int:
    """End them all and return how many there were: first those that would start others again, then the rest."""
    found = find(identity, sparing=sparing)
    if not found:
        return 0
    for process in found:
        if restarts_others(process):
            tell(process, signal.SIGKILL)
    for process in found:
        # PostgreSQL waits for its clients on TERM and ends cleanly at once on INT.
        tell(process, signal.SIGINT if name_of(process) == "postgres" else signal.SIGTERM)
    psutil.wait_procs(found, timeout=gentle)
    until = time.monotonic() + PATIENCE
    while (left := find(identity, sparing=sparing)) and time.monotonic() < until:
        for process in left:
            tell(process, signal.SIGKILL)
        psutil.wait_procs(left, timeout=1)
    return len(found)


def restarts_others(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return any("supervisord" in word for word in process.cmdline()[:4])
    return False


def name_of(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return process.name()
    return ""


def tell(process: psutil.Process, number: signal.Signals) -> None:
    with suppress(psutil.Error):
        process.send_signal(number)
