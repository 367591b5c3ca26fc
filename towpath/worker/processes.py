"""What the kernel knows about processes: trees, use, listening ports and the marks of the attempt that began them."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
LISTENING = "0A"
NOTHING: dict[str, Any] = {"cpu_seconds": 0.0, "memory": 0, "processes": 0, "ports": []}


class Machine:
    """One look at the machine; every question is answered from that same moment as far as it can be."""

    def __init__(self) -> None:
        self._listening: list[Socket] | None = None
        self._children: dict[int, list[int]] | None = None

    def tree(self, pid: int) -> list[int]:
        """The process and all its descendants."""
        found, ahead = [], [pid]
        while ahead:
            now = ahead.pop()
            found.append(now)
            ahead.extend(self.children(now))
        return found

    def children(self, pid: int) -> list[int]:
        try:
            tasks = os.listdir(f"/proc/{pid}/task")
            return [int(child) for task in tasks for child in read(f"/proc/{pid}/task/{task}/children").split()]
        except OSError:
            # The process has ended, or this kernel keeps no lists of children: then everything is looked through.
            return self._table().get(pid, []) if os.path.exists(f"/proc/{pid}") else []

    def measure(self, pid: int) -> dict[str, Any]:
        """Processor seconds, resident bytes and listening ports of a process and its descendants."""
        tree = self.tree(pid)
        seconds, memory = 0.0, 0
        inodes: set[str] = set()
        for member in tree:
            try:
                seconds += sum(int(ticks) for ticks in stat_fields(member)[11:15]) / TICKS
                memory += int(read(f"/proc/{member}/statm").split()[1]) * PAGE
            except (OSError, IndexError):
                continue
            inodes |= socket_inodes(member)
        if self._listening is None:
            self._listening = listening_sockets()
        ports = sorted({one.port for one in self._listening if one.inode in inodes})
        return {"cpu_seconds": seconds, "memory": memory, "processes": len(tree), "ports": ports}

    def _table(self) -> dict[int, list[int]]:
        if self._children is None:
            self._children = {}
            for entry in os.listdir("/proc"):
                if entry.isdigit():
                    with suppress(OSError):
                        self._children.setdefault(int(stat_fields(int(entry))[1]), []).append(int(entry))
        return self._children


def read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def stat_fields(pid: int) -> list[str]:
    """What follows the command's name, which may hold spaces and brackets: state, parent, ..."""
    return read(f"/proc/{pid}/stat").rpartition(")")[2].split()


def socket_inodes(pid: int) -> set[str]:
    inodes = set()
    try:
        for descriptor in os.scandir(f"/proc/{pid}/fd"):
            target = os.readlink(descriptor.path)
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    except OSError:
        return inodes
    return inodes


class Socket(NamedTuple):
    port: int
    inode: str
    uid: int


def listening_sockets() -> list[Socket]:
    """The machine's TCP sockets that listen, with who opened them."""
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == LISTENING:
                found.append(Socket(int(fields[1].rpartition(":")[2], 16), fields[9], int(fields[7])))
    return found


def listening_ports() -> set[int]:
    return {one.port for one in listening_sockets()}


def listeners(port: int) -> set[int]:
    """The uids of those who listen there."""
    return {one.uid for one in listening_sockets() if one.port == port}


def environment(pid: int) -> dict[str, str]:
    """What a process was started with; nothing for another uid's process."""
    try:
        content = Path("/proc", str(pid), "environ").read_bytes()
    except OSError:
        return {}
    pairs = (entry.decode("utf-8", "replace").partition("=") for entry in content.split(b"\0"))
    return {name: value for name, _, value in pairs}


def bears_attempt(pid: int, run: str, *, first: int, below: int) -> bool:
    """Whether the marks say that this attempt of the run began the process."""
    begun_with = environment(pid)
    attempt = begun_with.get("TOWPATH_ATTEMPT", "")
    return begun_with.get("TOWPATH_RUN") == run and attempt.isdigit() and first <= int(attempt) < below


def lives_in(pid: int, directory: str) -> bool:
    """Whether its home lies there, as that of every program of ours does."""
    return environment(pid).get("HOME", "").startswith(directory.rstrip("/") + "/")


def kill_all(wanted: Callable[[int], bool]) -> int:
    """Kill what fits until nothing does, and answer how many: what forks meanwhile is found by the next look."""
    killed: set[int] = set()
    for _ in range(20):
        left = [int(entry) for entry in os.listdir("/proc") if entry.isdigit() and int(entry) != os.getpid()]
        left = [pid for pid in left if wanted(pid)]
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
            except (ProcessLookupError, PermissionError):
                continue
        if not left:
            break
        time.sleep(0.02)
    return len(killed)
