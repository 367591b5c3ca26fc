"""A web process that is told to end answers whoever is connected to it, and takes nobody from its neighbour."""

import http.client
import signal
import socket
import time
from collections.abc import Iterator

import psutil
import pytest

from tests.doors.web import Web, web


@pytest.fixture
def server(server_environment: dict[str, str]) -> Iterator[Web]:
    with web(server_environment) as running:
        yield running


def connected(server: Web) -> http.client.HTTPConnection:
    """A connection that the process has accepted, and on which nothing was asked yet."""
    assert server.process is not None
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.connect()
    port = connection.sock.getsockname()[1]
    accepted = psutil.Process(server.process.pid)
    while not any(one.raddr and one.raddr.port == port for one in accepted.net_connections("tcp")):
        time.sleep(0.01)
    return connection


def test_who_was_connected_when_it_was_told_to_end_is_answered(server: Web) -> None:
    assert server.process is not None
    visitors = [connected(server) for _ in range(3)]

    server.process.send_signal(signal.SIGTERM)
    time.sleep(0.1)
    for visitor in visitors:
        visitor.request("GET", "/livez")

    assert [visitor.getresponse().status for visitor in visitors] == [200, 200, 200]
    assert server.process.wait(10) == -signal.SIGTERM


def test_who_is_connected_and_asks_nothing_does_not_keep_it(server: Web) -> None:
    silent = connected(server)

    assert server.stop() < 3

    silent.close()


def test_who_comes_while_it_ends_waits_for_the_next_process(server: Web) -> None:
    assert server.process is not None
    kept = connected(server)
    server.process.send_signal(signal.SIGTERM)
    time.sleep(0.2)

    late = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    late.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    server.process.wait(10)
    server.start()

    assert late.recv(100).startswith(b"HTTP/1.1 200")
    kept.close()
