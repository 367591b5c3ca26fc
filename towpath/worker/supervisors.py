"""Talk to a project's supervisor through its socket, and only to one that really runs as the project."""

import http.client
import json
import os
import socket
import struct
import time
import xmlrpc.client
from collections.abc import Callable
from typing import Any, TypeVar

from towpath.worker import processes
from towpath.worker.deadlines import Deadline
from towpath.worker.layout import ProjectLayout

T = TypeVar("T")
N = TypeVar("N", int, float)
ALREADY_STARTED, NOT_RUNNING, BAD_NAME, ALREADY_ADDED, STILL_RUNNING, UNKNOWN_METHOD = 60, 70, 10, 90, 91, 1
ANSWER_LIMIT = 4 << 20
MOST = 1e15  # seconds, bytes, anything
LOOK_WITHIN = 5.0  # seconds
HARMLESS = {ALREADY_STARTED, NOT_RUNNING, BAD_NAME, ALREADY_ADDED}


class SupervisorAway(Exception):
    """The project's supervisor does not answer (yet)."""


class SupervisorRefused(SupervisorAway):
    """The supervisor says no; `code` is one of its faults."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"The supervisor refused: {text}")
        self.code = code


class ProgramStays(SupervisorAway):
    """The supervisor answers, and one of its programs does not end."""


class WrongSupervisor(SupervisorAway):
    """Somebody else's socket lies in its place; waiting does not help."""


class Connection(http.client.HTTPConnection):
    def __init__(self, layout: ProjectLayout, timeout: float, end: Deadline) -> None:
        super().__init__("localhost", timeout=timeout)
        self.layout = layout
        self.end = end

    def connect(self) -> None:
        # A socket's path may be 107 bytes long and ours is often longer: reach it through its open directory.
        directory = os.open(self.layout.run, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(self.timeout)
            self.sock.connect(f"/proc/self/fd/{directory}/supervisor.sock")
            self.end.watch(self.sock)  # now that it can be cut; connecting ends by the socket's own timeout
        finally:
            os.close(directory)
        _, uid, _ = struct.unpack("3i", self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        # The project may put another project's socket, or a link to it, in this place.
        if uid != self.layout.uid:
            self.close()
            raise WrongSupervisor(f"The supervisor's socket of {self.layout.root.name} is answered by another user")


class Transport(xmlrpc.client.Transport):
    accept_gzip_encoding = False  # a small answer must not become a large one here

    def __init__(self, layout: ProjectLayout, timeout: float, end: Deadline) -> None:
        super().__init__()
        self.layout = layout
        self.timeout = timeout
        self.end = end

    def make_connection(self, host: Any) -> Connection:
        return Connection(self.layout, self.timeout, self.end)

    def parse_response(self, response: http.client.HTTPResponse) -> Any:
        content = response.read(ANSWER_LIMIT + 1)
        if len(content) > ANSWER_LIMIT:
            raise OSError("the answer is too long")
        parser, unmarshaller = self.getparser()
        parser.feed(content)
        parser.close()
        return unmarshaller.close()


class Supervisor:
    """One project's supervisor. Every call opens a connection of its own, so threads never wait for each other."""

    def __init__(self, layout: ProjectLayout) -> None:
        self.layout = layout
        self._wrapper: list[str] | None = None

    def call(self, method: str, *arguments: Any, timeout: float = 30) -> Any:
        """`timeout` is for the whole call: the project's own programs can take the supervisor's place, and dawdle."""
        end = Deadline(timeout)
        proxy = xmlrpc.client.ServerProxy("http://localhost/RPC2", transport=Transport(self.layout, timeout, end))
        try:
            with end, proxy:
                return getattr(proxy, method)(*arguments)
        except xmlrpc.client.Fault as fault:
            raise SupervisorRefused(int(fault.faultCode), str(fault.faultString)) from fault
        except SupervisorAway:
            raise
        except Exception as error:  # whatever answers there may answer anything
            raise SupervisorAway(f"The supervisor of {self.layout.root.name} does not answer: {error}") from error

    def quietly(self, method: str, *arguments: Any) -> Any:
        """A call whose wish may have come true already (stopped, started, added, gone)."""
        try:
            return self.call(method, *arguments)
        except SupervisorRefused as refusal:
            if refusal.code in HARMLESS:
                return False
            raise

    def wait_until_ready(self, within: float) -> None:
        until = time.monotonic() + within
        while True:
            try:
                self.call("towpath.abilities", timeout=3)
                return
            except WrongSupervisor:
                raise
            except SupervisorAway:
                if time.monotonic() > until:
                    raise
            time.sleep(0.1)

    @property
    def wrapper(self) -> list[str]:
        """The words that put a program in a pid namespace of its own here; none where that does not work."""
        if self._wrapper is None:
            told = self.call("towpath.abilities")
            self._wrapper = self._believed(lambda: [str(word) for word in json.loads(told)["wrapper"]])
        return self._wrapper

    def look(self) -> dict[str, dict[str, Any]]:
        """Every program by name: state, pid, started, exits, use, ports (see Attendant.look)."""
        told = self.call("towpath.look", timeout=LOOK_WITHIN)
        return self._believed(lambda: {str(name): checked(one) for name, one in json.loads(told)["programs"].items()})

    def _believed(self, reading: Callable[[], T]) -> T:
        """The project's own programs can take the supervisor's place: what they say is not believed unread.

        Whatever reading it runs into is an absence, of this project alone.
        """
        try:
            return reading()
        except Exception as error:
            raise SupervisorAway(f"The supervisor of {self.layout.root.name} answers nonsense: {error!r}") from error

    def look_around(self) -> tuple[dict[str, dict[str, Any]], set[int]]:
        """A look, and the ports that were in use before and after it: those that it does not name are somebody else's.

        Before alone would count a service that has just died, after alone one that has just begun.
        """
        before = processes.listening_ports()
        look = self.look()
        return look, before & processes.listening_ports()

    def written(self) -> list[str]:
        """Programs that are written down, whether or not the supervisor knows them."""
        return [path.name for path in self.layout.specs.iterdir() if not path.name.startswith(".")]

    def state(self, name: str) -> dict[str, int] | None:
        """`state` (see programs) and `exitstatus`; None where the supervisor does not know the program."""
        try:
            answer = self.call("supervisor.getProcessInfo", f"{name}:{name}")
        except SupervisorRefused as refusal:
            if refusal.code == BAD_NAME:
                return None
            raise
        return self._believed(lambda: {field: whole(answer[field]) for field in ("state", "exitstatus")})

    def add(self, name: str, *, start: bool) -> None:
        """Take in a program whose specification has been written; one with `autostart` starts in any case."""
        try:
            self.call("towpath.take_in", name, start)
        except SupervisorRefused as refusal:
            if refusal.code != UNKNOWN_METHOD:
                raise
            # A joined worker's supervisors outlive it, and so also an update of it: this one began before that call.
            self.call("supervisor.reloadConfig")
            self.quietly("supervisor.addProcessGroup", name)
            if start:
                self.start(name)

    def start(self, name: str) -> None:
        self.quietly("supervisor.startProcess", f"{name}:{name}", False)

    def stop(self, name: str) -> None:
        """Ask the program to end; after its stop timeout it is killed."""
        self.quietly("supervisor.stopProcess", f"{name}:{name}", False)

    def kill(self, name: str) -> None:
        self.call("towpath.kill", name)

    def kill_older_attempts(self, run: str, attempt: int) -> int:
        return self._kill_marked(run, 0, attempt)

    def kill_attempt(self, run: str, attempt: int) -> int:
        return self._kill_marked(run, attempt, attempt + 1)

    def _kill_marked(self, run: str, first: int, below: int) -> int:
        killed = self.call("towpath.kill_marked", run, first, below, timeout=20)
        return killed if isinstance(killed, int) else 0

    def remove(self, name: str) -> bool:
        """Forget a program that has stopped; false while it still runs."""
        try:
            self.quietly("supervisor.removeProcessGroup", name)
        except SupervisorRefused as refusal:
            if refusal.code == STILL_RUNNING:
                return False
            raise
        self.call("towpath.forget", name)
        return True


def checked(program: dict[str, Any]) -> dict[str, Any]:
    """One program of a look, with everything of the kind that is counted on, and no number that no message carries."""
    return {
        "state": whole(program["state"]),
        "pid": whole(program["pid"]),
        "error": str(program["error"])[:500],
        "exits": [(number(at), whole(code)) for at, code in program["exits"][-50:]],
        "exit_count": whole(program["exit_count"]),
        "cpu_seconds": number(program["cpu_seconds"]),
        "memory": whole(program["memory"]),
        "ports": [whole(port) for port in program["ports"]],
    }


def number(value: Any) -> float:
    found = float(value)
    if not abs(found) < MOST:
        raise ValueError(f"{found} is nothing that a program uses")
    return found


def whole(value: Any) -> int:
    return int(number(value))


def bounded(counted: N) -> N:
    """What was reckoned from several of those numbers, kept where a message still carries it."""
    return type(counted)(max(0, min(counted, MOST - 1)))
