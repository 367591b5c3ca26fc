"""A question whether a service is well ends in time, whatever the service does."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.patience import patience
from towpath.worker import health

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


@contextmanager
def answering(act: Callable[[socket.socket], None]) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                try:
                    connection.recv(4096)
                    act(connection)
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


def trickle(connection: socket.socket, piece: bytes) -> None:
    for _ in range(100):
        connection.sendall(piece)
        time.sleep(0.2)


def test_an_answer_whose_body_never_ends_is_an_answer():
    def stream(connection: socket.socket) -> None:
        connection.sendall(HEAD)
        trickle(connection, b": ping\n\n")

    begun = time.monotonic()
    with answering(stream) as port:
        assert health.probe_http(port, "/") is None
    assert time.monotonic() - begun < patience(1)


def test_an_answer_that_comes_letter_by_letter_is_none(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(health, "PROBE_TIMEOUT", 1.0)
    begun = time.monotonic()
    with answering(lambda connection: trickle(connection, b"X")) as port:
        assert "did not answer" in (health.probe_http(port, "/") or "")
    assert time.monotonic() - begun < patience(3)
