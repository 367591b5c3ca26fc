"""What a project's supervisor can tell and do beyond starting and stopping, in its own process and as its uid."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from supervisor import loggers
from supervisor.process import Subprocess
from supervisor.rpcinterface import SupervisorNamespaceRPCInterface
from supervisor.xmlrpc import Faults, RPCError

from towpath.worker import processes

# The strictest wrapping that works here comes first. Without `--mount-proc` a program still cannot outlive its
# first process; it only sees the machine's process list.
NAMESPACES = ["unshare", "--pid", "--fork", "--kill-child"]
WRAPPERS = (
    [*NAMESPACES, "--mount-proc"],
    NAMESPACES,
    ["unshare", "--user", "--map-current-user", *NAMESPACES[1:], "--mount-proc"],
    ["unshare", "--user", "--map-current-user", *NAMESPACES[1:]],
)
REMEMBERED_EXITS = 20


def make_interface(supervisord: Any) -> "Attendant":
    # A line that cannot be written because the disk is full is lost. The supervisor would print the failure, fail in
    # that, too, and never again read what that program says: which then stands still once its pipe is full.
    loggers.Handler.handleError = lambda handler: None
    return Attendant(supervisord)


class Attendant:
    """The `towpath.*` calls of a project's supervisor. Answers are JSON text: XML-RPC has no numbers beyond 32 bits."""

    def __init__(self, supervisord: Any) -> None:
        self.supervisord = supervisord
        self.exits: dict[str, list[tuple[float, int]]] = {}
        self.exit_counts: dict[str, int] = {}
        self.main = SupervisorNamespaceRPCInterface(supervisord)
        self.wrapper = find_wrapper()
        self._note_exits(supervisord)
        # What a former supervisor left when it was killed would run twice: everything is about to be started anew.
        processes.kill_all(partial(processes.lives_in, directory=os.path.realpath("../releases")))

    def abilities(self) -> str:
        return json.dumps({"wrapper": self.wrapper, "uid": os.getuid(), "pid": os.getpid()})

    def look(self) -> str:
        """Every program with its state, exits, and what its processes use and listen on."""
        machine = processes.Machine()
        programs = {}
        for name, group in self.supervisord.process_groups.items():
            process = group.processes.get(name)
            if process is None:
                continue
            programs[name] = {
                "state": int(process.get_state()),
                "pid": process.pid,
                "started": process.laststart,
                "exit_code": process.exitstatus,
                "error": process.spawnerr or "",
                "exits": self.exits.get(name, []),
                "exit_count": self.exit_counts.get(name, 0),
                **(machine.measure(process.pid) if process.pid else processes.NOTHING),
            }
        return json.dumps({"at": time.time(), "programs": programs})

    def take_in(self, name: str, start: bool) -> bool:
        """Add a program that has been written down, and start it; one that is there or runs already stays as it is.

        By one call, because each is a connection, and all of them stand before every step.
        """
        self.main.reloadConfig()
        with harmless(Faults.ALREADY_ADDED):
            self.main.addProcessGroup(name)
        if start:
            with harmless(Faults.ALREADY_STARTED):
                self.main.startProcess(f"{name}:{name}", False)
        return True

    def kill_marked(self, run: str, first: int, below: int) -> int:
        """Kill every process that these attempts of the run left behind; answers how many."""
        return processes.kill_all(partial(processes.bears_attempt, run=run, first=first, below=below))

    def kill(self, name: str) -> bool:
        """Kill a program at once, its whole group, whatever it is doing."""
        group = self.supervisord.process_groups.get(name)
        process: Subprocess | None = group.processes.get(name) if group else None
        if process is None or not process.pid:
            return False
        # The group outlives its leader where namespaces do not work; the tree holds what left the group.
        for pid in [*processes.Machine().tree(process.pid), process.pid]:
            send(os.kill, pid)
        send(os.killpg, process.pid)
        return True

    def forget(self, name: str) -> bool:
        """Take away the output and memory of a program that has been removed."""
        self.exits.pop(name, None)
        self.exit_counts.pop(name, None)
        if "/" in name:
            return False
        for kind in ("out", "err"):
            for suffix in ("", ".1"):
                try:
                    os.unlink(f"../logs/{name}.{kind}{suffix}")
                except FileNotFoundError:
                    continue
        return True

    def pardon(self, name: str) -> bool:
        """Forget a program's exits: somebody has restarted it knowingly."""
        self.exits.pop(name, None)
        self.exit_counts.pop(name, None)
        return True

    def _note_exits(self, supervisord: Any) -> None:
        """Supervisor forgets the exit code of a program that ends within its first second: take it where it arrives."""
        options = supervisord.options
        reap = options.waitpid

        def waitpid() -> tuple[int | None, int | None]:
            pid, status = reap()
            process = options.pidhistory.get(pid) if pid else None
            if process is not None and status is not None and not process.killing:
                code = os.waitstatus_to_exitcode(status)
                name = process.config.name
                self.exit_counts[name] = self.exit_counts.get(name, 0) + 1
                moment = (time.time(), code if code >= 0 else 128 - code)
                self.exits[name] = [*self.exits.get(name, []), moment][-REMEMBERED_EXITS:]
            return pid, status

        options.waitpid = waitpid


@contextmanager
def harmless(code: int) -> Iterator[None]:
    try:
        yield
    except RPCError as error:
        if error.code != code:
            raise


def send(call: Any, pid: int) -> None:
    try:
        call(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def find_wrapper() -> list[str]:
    """How a program is kept in a pid namespace of its own here; an empty list where that does not work."""
    if not shutil.which("unshare"):
        return []
    for wrapper in WRAPPERS:
        try:
            done = subprocess.run(
                [*wrapper, "/bin/sh", "-c", "exit 7"], timeout=5, capture_output=True, stdin=subprocess.DEVNULL
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 7:
            return list(wrapper)
    return []
