"""The record of an installation: its id, its addresses and ranges, chosen once and kept."""

import fcntl
import json
import os
import random
import time
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import IO

from config.up import keys, ports, voice
from config.up.errors import CannotStart

LOCAL = "127.0.0.1"
POSTGRES, VALKEY = (15_000, 16_000), (16_000, 17_000)
ENDPOINTS = 200
FEW_ENDPOINTS = 50
LAST_ENDPOINT = 22_000
SERVICES = 2000
UIDS = 100_000
UID_REGISTER = Path("/var/lib/towpath/uids")
# In a home while a backup is being restored into it.
RESTORING = ".restoring"


@dataclass(kw_only=True)
class Installation:
    """What installation.json holds."""

    id: str
    web: str
    address: str
    postgres_port: int
    valkey_port: int
    endpoint_first: int
    endpoint_count: int
    service_first: int
    service_count: int
    uid_first: int
    environments_root: str = ""
    interpreter: str = ""
    isolated: bool = False
    isolation_note: str = ""
    namespaces: bool = False

    @property
    def proxy_uid(self) -> int:
        """The last of the range: environments' users are counted from its beginning."""
        return self.uid_first + UIDS - 1

    @property
    def host(self) -> str:
        return self.web.rpartition(":")[0]

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.web.rpartition(':')[2]}"

    def save(self, home: Path) -> None:
        keys.write(home / "installation.json", json.dumps(asdict(self), indent=2) + "\n")


def lock(home: Path, *, patience: float = 30.0) -> IO[str]:
    """Hold the home for as long as the returned file is open; the kernel lets go when the holder dies."""
    # Others may pass through to environments' directories, which lie inside; all else has a lock of its own.
    home.mkdir(mode=0o711, parents=True, exist_ok=True)
    if os.geteuid() == 0:
        # Also where somebody has made it before: the proxy's and the environments' users pass through it.
        home.chmod(home.stat().st_mode | 0o011)
    file = open(home / "lock", "a+")  # noqa: SIM115 it stays open on purpose
    until = time.monotonic() + patience
    told = False
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            file.seek(0)
            holder, _, stopping = file.read().strip().partition(" ")
        if not stopping or time.monotonic() > until:
            raise CannotStart(
                f"Towpath already runs from {home} (process {holder}). Stop it with Ctrl-C where it runs or with "
                f"`kill {holder}`, or start a second installation with another TOWPATH_HOME."
            )
        if not told:
            voice.say(f"  ...  the one that runs from {home} is stopping; waiting for it")
            told = True
        time.sleep(0.2)
    note(file, str(os.getpid()))
    return file


def note(file: IO[str], text: str) -> None:
    """Write into the lock's file who holds it, and whether only for a little longer."""
    file.truncate(0)
    file.write(text)
    file.flush()


def check_home(home: Path) -> None:
    """Refuse a path that configuration files cannot hold, or take for a pattern."""
    for word in (";", "{", "}", '"', "\n", "[", "]", "*", "?"):
        if word in str(home):
            raise CannotStart(f"{home} holds a {word!r}, which configuration files do not carry; set TOWPATH_HOME.")


def load(home: Path, bind: str = "") -> Installation:
    """The record of this home, made at the first start; `bind` is TOWPATH_BIND."""
    file = home / "installation.json"
    known = {field.name for field in fields(Installation)}
    if (home / RESTORING).exists():
        raise CannotStart(f"A restore into {home} did not come to its end; run `make restore` again.")
    if file.exists():
        record = {name: value for name, value in json.loads(file.read_text()).items() if name in known}
        found = Installation(**record)
        found.web = checked_bind(bind) if bind else found.web
    else:
        found = choose(checked_bind(bind) if bind else "")
    found.address = address_of(found.host)
    return found


def choose(web: str, *, addresses: int = 0, beside: tuple[int, int, int] = (0, 0, 0)) -> Installation:
    """A new record; where nobody said on which address the web listens, that is chosen when it is its turn.

    With room for so many `addresses`, and `beside` another one that cannot be seen: its first endpoint, how many it
    has, and its first port of services.
    """
    host = web.rpartition(":")[0] or LOCAL
    identity = str(uuid.uuid4())
    count = ENDPOINTS * -(-(addresses + FEW_ENDPOINTS) // ENDPOINTS)
    avoided = range(beside[0], beside[0] + beside[1])
    services = [first for first in (18_000, *range(22_000, 32_000, SERVICES)) if first != beside[2]]
    return Installation(
        id=identity,
        web=web,
        address=address_of(host),
        postgres_port=ports.anywhere(*POSTGRES),
        valkey_port=ports.anywhere(*VALKEY),
        endpoint_first=free_block(host, count, avoided),
        endpoint_count=count,
        # Not in use until something is deployed, so here, too, others cannot be seen.
        service_first=random.choice(services),
        service_count=SERVICES,
        uid_first=own_uids(identity),
    )


def free_web() -> str:
    port = ports.first_free(range(8000, 8100))
    if port is None:
        raise CannotStart("No port from 8000 to 8099 is free; choose one with TOWPATH_BIND=127.0.0.1:<port>.")
    return f"{LOCAL}:{port}"


def own_uids(identity: str) -> int:
    """A range of uids that no other installation on this machine has, also not one that is long gone."""
    first = 200_000
    if os.geteuid() != 0:
        return first
    with suppress(OSError):
        UID_REGISTER.mkdir(parents=True, exist_ok=True)
        for candidate in range(first, 2**31 - UIDS, UIDS):
            with suppress(FileExistsError):
                with open(UID_REGISTER / str(candidate), "x") as file:
                    file.write(identity)
                return candidate
    return first


def checked_bind(bind: str) -> str:
    host, colon, port = bind.rpartition(":")
    if not colon or not port.isdigit() or ":" in host or not 0 < int(port) < 65536:
        raise CannotStart(f"TOWPATH_BIND is {bind!r}; it must be <host>:<port> with an IPv4 address or a name.")
    return f"{host or '0.0.0.0'}:{port}"


def address_of(host: str) -> str:
    """How a process on this machine reaches what listens on that host."""
    return LOCAL if host in {"0.0.0.0", ""} else host


def settle_ports(record: Installation, home: Path, *, postgres: bool, valkey: bool) -> list[int]:
    """Make sure of every port before anything starts; returns endpoint ports that somebody else uses."""
    record.web = record.web or free_web()
    host, _, port = record.web.rpartition(":")
    if not ports.is_free(int(port), host):
        raise CannotStart(
            f"{record.web} is in use by another program. Stop that program, or choose another address: "
            f"TOWPATH_BIND={host}:{int(port) + 1} make up"
        )
    # Nobody but this installation knows these two, so they may move.
    if postgres and not ports.is_free(record.postgres_port):
        record.postgres_port = ports.anywhere(*POSTGRES)
    if valkey and not ports.is_free(record.valkey_port):
        record.valkey_port = ports.anywhere(*VALKEY)
    # An address is kept for life once it was given to an app; before that the whole range may move.
    if not any((home / "endpoints").iterdir()) and taken_endpoints(record):
        record.endpoint_first = free_block(host)
    lay_out_more(record, home)
    return taken_endpoints(record)


def lay_out_more(record: Installation, home: Path) -> None:
    """When few addresses are left the range grows; at a start, since a listener added later would cut requests."""
    used = sum(1 for _ in (home / "endpoints").iterdir())
    end = record.endpoint_first + record.endpoint_count
    more = range(end, end + ENDPOINTS)
    few = record.endpoint_count - used < FEW_ENDPOINTS
    if few and more.stop <= LAST_ENDPOINT and all(ports.is_free(port, record.host) for port in more):
        record.endpoint_count += ENDPOINTS


def taken_endpoints(record: Installation) -> list[int]:
    endpoints = range(record.endpoint_first, record.endpoint_first + record.endpoint_count)
    return [port for port in endpoints if not ports.is_free(port, record.host)]


def free_block(host: str, count: int = ENDPOINTS, avoided: range = range(0)) -> int:
    """Where a range of endpoints begins that nobody uses now.

    By lot, because an installation that is stopped cannot be seen, and will want its addresses again.
    """
    stretches = (range(10_000, 14_000), range(20_000, LAST_ENDPOINT))
    blocks = [first for one in stretches for first in range(one.start, one.stop - count + 1, ENDPOINTS)]
    blocks = [first for first in blocks if not range(max(first, avoided.start), min(first + count, avoided.stop))]
    random.shuffle(blocks)
    free = (first for first in blocks if all(ports.is_free(first + n, host) for n in range(count)))
    if not blocks:
        raise CannotStart(f"There is no room for {count} addresses between ports 10000 and {LAST_ENDPOINT}.")
    return next(free, blocks[0])
