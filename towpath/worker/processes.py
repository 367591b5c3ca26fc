"""What the kernel knows about processes: trees, use, listening ports and the marks of the attempt that began them."""

import os
import signal
import time
from pathlib import Path
from typing import Any

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
LISTENING = "0A"
ESTABLISHED = "01"
NOTHING: dict[str, Any] = {"cpu_seconds": 0.0, "memory": 0, "processes": 0, "ports": []}


class Machine:
    """One look at all processes; every question is answered from that same moment."""

    def __init__(self) -> None:
        self.children: dict[int, list[int]] = {}
        self.seconds: dict[int, float] = {}
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                # The command's name may hold spaces and brackets: everything counts from the last bracket.
                fields = Path("/proc", entry, "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            pid = int(entry)
            self.children.setdefault(int(fields[1]), []).append(pid)
            self.seconds[pid] = sum(int(ticks) for ticks in fields[11:15]) / TICKS

    def tree(self, pid: int) -> list[int]:
        """The process and all its descendants."""
        found, ahead = [], [pid]
        while ahead:
            now = ahead.pop()
            found.append(now)
            ahead.extend(self.children.get(now, []))
        return found

    def measure(self, pid: int) -> dict[str, Any]:
        """Processor seconds, resident bytes and listening ports of a process and its descendants."""
        tree = self.tree(pid)
        memory = 0
        inodes: set[str] = set()
        for member in tree:
            try:
                memory += int(Path("/proc", str(member), "statm").read_text().split()[1]) * PAGE
            except (OSError, IndexError):
                continue
            inodes |= socket_inodes(member)
        ports = sorted({port for port, inode in listening_sockets() if inode in inodes})
        seconds = sum(self.seconds.get(member, 0.0) for member in tree)
        return {"cpu_seconds": seconds, "memory": memory, "processes": len(tree), "ports": ports}


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


def sockets(state: str) -> list[tuple[int, str]]:
    """Local port and inode of the machine's TCP sockets in that state."""
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == state:
                found.append((int(fields[1].rpartition(":")[2], 16), fields[9]))
    return found


def listening_sockets() -> list[tuple[int, str]]:
    return sockets(LISTENING)


def marks(pid: int) -> dict[str, str]:
    """The marks that a program of ours was started with; nothing for another uid's process."""
    try:
        environment = Path("/proc", str(pid), "environ").read_bytes()
    except OSError:
        return {}
    pairs = (entry.decode("utf-8", "replace").partition("=") for entry in environment.split(b"\0"))
    return {name: value for name, _, value in pairs if name in ("TOWPATH_RUN", "TOWPATH_ATTEMPT")}


def marked(*, run: str, below_attempt: int) -> list[int]:
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        mark = marks(int(entry))
        attempt = mark.get("TOWPATH_ATTEMPT", "")
        if mark.get("TOWPATH_RUN") == run and attempt.isdigit() and int(attempt) < below_attempt:
            found.append(int(entry))
    return found


def kill_marked(*, run: str, below_attempt: int) -> int:
    """Kill what bears an older attempt until nothing does: what forks meanwhile is found by the next look."""
    killed: set[int] = set()
    for _ in range(20):
        left = marked(run=run, below_attempt=below_attempt)
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
