"""Free ports below the range from which the system takes its own."""

import fcntl
import os
import random
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from config.up import voice

# From 32768 on, the kernel hands ports to outgoing connections; a server that came back could find its own taken.
CEILING = 32768
# Of the machine and not of a user, as ports are.
TURN = "/tmp/towpath-ports.lock"


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


@contextmanager
def turn(*, patience: float = 180.0) -> Iterator[None]:
    """Nobody else chooses ports on this machine while what is inside starts to listen on those that it chose.

    The kernel lets go when the holder dies. One who holds on for too long is not waited for, and whatever else lies in
    that place keeps nobody from starting: then two may meet, which the second of them says.
    """
    with suppress(OSError):
        os.close(os.open(TURN, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
    try:
        descriptor = os.open(TURN, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        yield
        return
    try:
        until, told = time.monotonic() + patience, False
        while not _is_ours(descriptor) and time.monotonic() < until:
            if not told:
                voice.say("  ...  another installation starts on this machine; waiting until it has its ports")
                told = True
            time.sleep(0.1)
        yield
    finally:
        os.close(descriptor)


def _is_ours(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
