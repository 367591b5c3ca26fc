"""The one supervisor of an installation, spoken to over its socket."""

import base64
import http.client
import os
import socket
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from config.up.errors import CannotStart
from config.up.programs import LONGEST_SOCKET, SOCKET

RUNNING, STARTING, FATAL = "RUNNING", "STARTING", "FATAL"
GONE = {"STOPPED", "EXITED", "FATAL"}
# What comes of asking one that is just going, or that cannot do what it is asked.
UNANSWERED = (OSError, http.client.HTTPException, xmlrpc.client.Error)


class Connection(http.client.HTTPConnection):
    """HTTP over the supervisor's socket in that directory; one that hangs must not hang its parent."""

    def __init__(self, directory: Path) -> None:
        super().__init__("localhost", timeout=10)
        self.directory = directory

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        path = self.directory / SOCKET
        if len(os.fsencode(path)) <= LONGEST_SOCKET:
            self.sock.connect(str(path))
            return
        # A longer path does not fit into a socket's address: reach it through its open directory.
        directory = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self.sock.connect(f"/proc/self/fd/{directory}/{SOCKET}")
        finally:
            os.close(directory)


class Transport(xmlrpc.client.Transport):
    def __init__(self, directory: Path, credential: str) -> None:
        super().__init__(headers=[("Authorization", f"Basic {credential}")])
        self.directory = directory

    def make_connection(self, host: Any) -> Connection:
        return Connection(self.directory)


class Supervisor:
    """Starts supervisord as a child of this process and tells it what to start and stop."""

    def __init__(self, home: Path, configuration: Path, environment: dict[str, str]) -> None:
        self.home = home
        self.configuration = configuration
        self.environment = environment
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Run supervisord; in a session of its own, so that Ctrl-C reaches only the parent, which stops in order."""
        (self.home / "supervisor" / "supervisor.sock").unlink(missing_ok=True)
        with open(self.home / "logs" / "supervisord.start.log", "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(self.configuration)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment,
                cwd=self.configuration.parent,
                start_new_session=True,
            )
        until = time.monotonic() + 15
        while True:
            if self.process.poll() is not None:
                text = (self.home / "logs" / "supervisord.start.log").read_text(errors="replace").strip()
                raise CannotStart(f"The supervisor ended at once: {text.splitlines()[-1] if text else 'no word'}")
            try:
                self.rpc().getState()
                return
            except (OSError, http.client.HTTPException) as reason:
                if time.monotonic() > until:
                    raise CannotStart("The supervisor does not answer; see logs/supervisord.log.") from reason
                time.sleep(0.05)

    def rpc(self) -> Any:
        """Its methods; every use opens a connection of its own, because one that is kept may have gone stale."""
        password = (self.home / "supervisor" / "password").read_text().strip()
        credential = base64.b64encode(f"towpath:{password}".encode()).decode()
        transport = Transport(self.home / "supervisor", credential)
        return xmlrpc.client.ServerProxy("http://localhost/RPC2", transport=transport).supervisor

    def processes(self) -> list[dict[str, Any]]:
        return cast(list[dict[str, Any]], self.rpc().getAllProcessInfo())

    def start_group(self, group: str) -> None:
        """Start without waiting: what comes up is watched by who needs it."""
        try:
            self.rpc().startProcessGroup(group, False)
        except UNANSWERED as reason:
            raise CannotStart(f"{group} could not be started ({reason}); logs/supervisord.log says more.") from reason

    def stop(self, last: set[str], seconds: float) -> None:
        """Stop all side by side, then the servers that the others need; supervisord alone would take turns."""
        if self.process is None or self.process.poll() is not None:
            return
        until = time.monotonic() + seconds
        # Where it is going down already, TERM below and the sweep by cookie do the rest.
        with suppress(*UNANSWERED):
            self.stop_those(lambda group: group not in last, until)
            self.stop_those(lambda group: group in last, until)
        self.process.terminate()
        try:
            self.process.wait(max(1.0, until - time.monotonic()) + 4)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def stop_those(self, chosen: Callable[[str], bool], until: float) -> None:
        rpc = self.rpc()
        for group in {info["group"] for info in self.processes() if chosen(info["group"])}:
            rpc.stopProcessGroup(group, False)
        while time.monotonic() < until:
            left = [info for info in self.processes() if chosen(info["group"]) and info["statename"] not in GONE]
            if not left:
                return
            time.sleep(0.1)
