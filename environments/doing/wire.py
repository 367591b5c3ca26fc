"""How a supervisor is spoken to: XML-RPC over the socket in its directory, with the password that lies beside it."""

import base64
import http.client
import os
import socket
import xmlrpc.client
from pathlib import Path
from typing import Any

SOCKET = "supervisor.sock"
LONGEST_SOCKET = 100
TIMEOUT = 10.0
# What comes of asking one that is just going, or that cannot do what it is asked.
UNANSWERED = (OSError, http.client.HTTPException, xmlrpc.client.Error)


class Connection(http.client.HTTPConnection):
    """HTTP over the supervisor's socket in that directory; one that hangs must not hang its callers."""

    def __init__(self, directory: Path) -> None:
        super().__init__("localhost", timeout=TIMEOUT)
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
    def __init__(self, directory: Path) -> None:
        password = (directory / "password").read_text().strip()
        credential = base64.b64encode(f"towpath:{password}".encode()).decode()
        super().__init__(headers=[("Authorization", f"Basic {credential}")])
        self.directory = directory

    def make_connection(self, host: Any) -> Connection:
        return Connection(self.directory)


def proxy(directory: Path) -> xmlrpc.client.ServerProxy:
    """A connection of its own for every use: one that is kept may have gone stale, and threads would share it."""
    return xmlrpc.client.ServerProxy("http://localhost/RPC2", transport=Transport(directory))
