"""Free ports below the range from which the system takes its own."""

import random
import socket
from collections.abc import Iterable

# From 32768 on, the kernel hands ports to outgoing connections; a server that came back could find its own taken.
CEILING = 32768


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As servers do it: a port that only waits for the last packets of an old connection counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def first_free(candidates: Iterable[int], host: str = "127.0.0.1") -> int | None:
    return next((port for port in candidates if is_free(port, host)), None)


def anywhere(first: int = 10_000, last: int = CEILING - 1) -> int:
    """Some free port; by lot, so that two that start at the same moment do not meet."""
    port = first_free(random.choice(range(first, last)) for _ in range(1000))
    if port is None:
        raise OSError("No free port was found.")
    return port
