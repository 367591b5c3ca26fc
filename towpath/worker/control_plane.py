"""The control plane as the worker sees it: JSON over HTTP, refusals as exceptions, one connection for each thread."""

import hashlib
import http.client
import json
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from towpath import PROTOCOL, __version__
from towpath.worker import messages

ANSWER_LIMIT = 32 << 20


class Unreachable(Exception):
    """No answer, or one that says the control plane cannot answer now: the same question may be asked again."""


class Refused(Exception):
    """An answer that will stay the same."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail or f"The control plane answered {status}")
        self.status = status
        self.code = code


class NotWelcome(Refused):
    """401 or 403: the credential is not (or no longer) good for this."""


class EnvironmentTerminated(Refused):
    """410: the environment is gone; its services stop."""


class Superseded(Refused):
    """409 `superseded`: another process took this session's place."""


class ControlPlane:
    def __init__(self, server: str) -> None:
        parts = urlsplit(server if "//" in server else f"http://{server}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{server!r} is not the address of a control plane (http://host:port)")
        self.address = f"{parts.scheme}://{parts.netloc}"
        self.prefix = parts.path.rstrip("/")
        self.host, self.port, self.secure = parts.hostname, parts.port, parts.scheme == "https"
        self.credential = ""
        self._threads = threading.local()

    def call(
        self, path: str, body: dict[str, Any] | None = None, *, timeout: float = 10, traceparent: str = ""
    ) -> dict[str, Any]:
        """POST to `/api/v1<path>`. Asking twice is harmless, so a dropped connection is tried again once."""
        payload = messages.encoded(body or {})
        headers = {**self._headers(), "Content-Type": "application/json"}
        if traceparent:
            headers["traceparent"] = traceparent
        response, content = self._ask("POST", f"/api/v1{path}", payload, headers, timeout)
        return read_answer(response, content)

    def download(
        self,
        url: str,
        into: Path,
        *,
        sha256: str,
        size: int,
        meanwhile: Callable[[], None],
        timeout: float = 15,
    ) -> None:
        """GET a file and check that it is the one that was promised; OSError where this machine cannot keep it."""
        connection = self._connect(timeout)
        try:
            try:
                connection.request("GET", self.prefix + url, headers=self._headers())
                response = connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                raise Unreachable(f"The artifact could not be fetched: {error}") from error
            if response.status != 200:
                read_answer(response, read_on(response))
                raise Unreachable(f"The artifact's address answered {response.status}")
            digest, received = hashlib.sha256(), 0
            with open(into, "xb") as file:
                while block := read_on(response):
                    meanwhile()
                    received += len(block)
                    if received > size:
                        break
                    digest.update(block)
                    file.write(block)
        finally:
            connection.close()
        if received < size:
            raise Unreachable(f"The artifact's transfer ended after {received} of {size} bytes")
        if received > size or digest.hexdigest() != sha256:
            raise Refused(422, "artifact-changed", "The artifact is not the one the release names: its SHA-256 differs")

    def _headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self.credential}",
            "Towpath-Protocol": str(PROTOCOL),
            "User-Agent": f"towpath-worker/{__version__}",
        }

    def _connect(self, timeout: float) -> http.client.HTTPConnection:
        if self.secure:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(self.host, self.port, timeout=timeout, context=context)
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    def _ask(
        self, method: str, path: str, payload: bytes, headers: dict[str, str], timeout: float
    ) -> tuple[http.client.HTTPResponse, bytes]:
        for last_try in (False, True):
            connection: http.client.HTTPConnection | None = getattr(self._threads, "connection", None)
            kept = connection is not None
            if connection is None:
                connection = self._threads.connection = self._connect(timeout)
            try:
                connection.timeout = timeout
                if connection.sock is not None:
                    connection.sock.settimeout(timeout)
                connection.request(method, self.prefix + path, payload, headers)
                response = connection.getresponse()
                return response, response.read(ANSWER_LIMIT)
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                self._threads.connection = None
                # A kept connection may have been closed by the other side while it was idle.
                if last_try or not kept or isinstance(error, TimeoutError):
                    raise Unreachable(f"{self.address} does not answer: {error or type(error).__name__}") from error
        raise AssertionError


def read_on(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read(1 << 16)
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(f"The artifact could not be fetched: {error}") from error


def read_answer(response: http.client.HTTPResponse, content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content) if content else {}
    except ValueError:
        value = {}
    if not isinstance(value, dict):
        value = {}
    if 200 <= response.status < 300:
        return value
    code, detail = str(value.get("code") or ""), str(value.get("detail") or "")
    if response.status >= 500 or response.status in (408, 425, 429):
        raise Unreachable(f"The control plane answered {response.status} {detail}".strip())
    if response.status == 410 and code == "environment-terminated":
        raise EnvironmentTerminated(410, code, detail)
    if response.status in (401, 403):
        raise NotWelcome(response.status, code, detail)
    if response.status == 409 and code == "superseded":
        raise Superseded(409, code, detail)
    raise Refused(response.status, code, detail)
