"""HTTP that the control plane asks on somebody's behalf: of the address that was checked, without a proxy, in time."""

import ipaddress
import socket
import ssl
import threading
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from environments import egress

# Bytes of one answer.
LONGEST_ANSWER = 4_000_000


class Unasked(Exception):
    """Nothing was sent; the message is the rest of a sentence that begins with what was to be asked."""


def destination(host: str, port: int, *, encrypted: bool) -> egress.Destination:
    """Where to connect; Unasked where that is out of bounds, or nobody answers for what is readable on the way."""
    try:
        found = egress.look_up(host, port)
    except egress.Forbidden as refusal:
        raise Unasked(f"cannot be asked: {refusal.detail.rstrip('.')}") from None
    if not encrypted and not is_near(found):
        raise Unasked("cannot be asked without encryption outside of TOWPATH_EGRESS_ALLOW")
    return found


def is_near(found: egress.Destination) -> bool:
    """In a network that an operator answers for."""
    return egress.is_named(ipaddress.ip_address(found.address))


class Line:
    """The connections of one question, which whoever waits for the answer may cut: what is asked over them ends."""

    def __init__(self) -> None:
        self._held: list[socket.socket] = []
        self._over = False
        self._lock = threading.Lock()

    def hold(self, made: socket.socket) -> socket.socket:
        """By a second handle, since encryption takes the first one away."""
        with self._lock:
            self._held.append(made.dup())
            if self._over:
                self._cut()
        return made

    def cut(self) -> None:
        with self._lock:
            self._over = True
            self._cut()

    def _cut(self) -> None:
        while self._held:
            with self._held.pop() as one, suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def session(url: str, line: Line | None = None) -> requests.Session:
    """For questions to this scheme, host and port, and to no others; follows no proxy and no .netrc of this machine."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    found = destination(str(parts.hostname), port, encrypted=parts.scheme == "https")
    made = requests.Session()
    made.trust_env = False
    made.verify = authorities() or True
    made.mount(f"{parts.scheme}://", _Checked(found, parts.netloc, line))
    return made


def authorities() -> str:
    """The file of those who are trusted: SSL_CERT_FILE; empty for the public ones that the library brings."""
    return ssl.get_default_verify_paths().cafile or ""


class _Checked(HTTPAdapter):
    """Connects to the address that was checked, and asks the server there for the name that was meant."""

    def __init__(self, destination: egress.Destination, netloc: str, line: Line | None) -> None:
        self.destination, self.netloc, self.line = destination, netloc, line
        super().__init__()

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        request.headers["Host"] = self.netloc
        response = super().send(request, *args, **{**kwargs, "stream": True})
        body = response.raw.read(LONGEST_ANSWER + 1, decode_content=True)
        if len(body) > LONGEST_ANSWER:
            raise ValueError("The answer is too long.")
        response._content, response._content_consumed = body, True
        return response

    def build_connection_pool_key_attributes(self, *args: Any, **kwargs: Any) -> Any:
        at, how = super().build_connection_pool_key_attributes(*args, **kwargs)
        if at["scheme"] == "https":
            how = how | {"server_hostname": self.destination.host, "assert_hostname": self.destination.host}
        return {**at, "host": self.destination.address}, how

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        if self.line is not None:
            pool.ConnectionCls = _held(pool.ConnectionCls, self.line)
        return pool


def _held(kind: Any, line: Line) -> Any:
    """Such a connection, held by the line as soon as there is one."""

    class Held(kind):  # type: ignore[misc]  # of whichever kind the pool has, plain or with TLS
        def _new_conn(self) -> socket.socket:
            return line.hold(super()._new_conn())

    return Held
