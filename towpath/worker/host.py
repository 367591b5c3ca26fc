"""What this machine is to the control plane, and which ports the environment may use on it."""

import json
import random
import socket
import uuid
from dataclasses import dataclass
from pathlib import Path

from towpath.worker.layout import Layout, read_json, write_atomically

BELOW_EPHEMERAL = 32768


@dataclass(frozen=True)
class Host:
    id: str
    builtin: bool
    service_first: int
    service_count: int
    endpoint_first: int
    endpoint_count: int
    endpoints_directory: Path | None
    # A request that was sent to the old address just before a switch gets this long before the old service is asked
    # to end; its own `stop_timeout`, within which well-behaved servers finish what they have begun, comes on top.
    grace_seconds: float = 5.0

    def told(self, address: str) -> dict[str, object]:
        return {
            "id": self.id,
            "address": address,
            "endpoint_first": self.endpoint_first,
            "endpoint_count": self.endpoint_count,
        }


def recognise(layout: Layout) -> Host:
    """The host as written down at the first start; a machine keeps its id and its ports for life."""
    given = read_json(layout.worker / "config.json")
    builtin = bool(given.get("builtin"))
    path = layout.worker / "host.json"
    kept = read_json(path)
    if "id" not in kept:
        kept = {"id": str(given.get("host_id") or uuid.uuid4())}
    if not builtin and "endpoint_first" not in kept:
        # One free stretch for both: addresses people use first, services behind them after.
        first = int(given.get("endpoint_first") or free_stretch(50 + 400))
        kept |= {"endpoint_first": first, "endpoint_count": 50, "service_first": first + 50, "service_count": 400}
    write_atomically(path, json.dumps(kept) + "\n")
    directory = given.get("endpoints_directory") if builtin else str(layout.endpoints)
    return Host(
        id=str(kept["id"]),
        builtin=builtin,
        service_first=int(given.get("service_first") or kept.get("service_first") or 0),
        service_count=int(given.get("service_count") or kept.get("service_count") or 0),
        endpoint_first=int(kept.get("endpoint_first") or 0),
        endpoint_count=int(kept.get("endpoint_count") or 0),
        endpoints_directory=Path(directory) if directory else None,
        grace_seconds=float(given.get("grace_seconds", 5.0)),
    )


def free_stretch(length: int) -> int:
    """The first port of that many free ones, below the range that the kernel hands out for outgoing connections."""
    for _ in range(50):
        first = random.randrange(22000, BELOW_EPHEMERAL - length)
        if all(is_free(port) for port in range(first, first + length)):
            return first
    raise OSError("no free stretch of ports was found on this machine")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
