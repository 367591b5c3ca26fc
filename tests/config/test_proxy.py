"""The endpoint proxy dials what an address file says, and only ports of this machine."""

import http.server
import signal
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.test import Client

from config import env
from config.up import caddy, ports
from tests.journeys.installation import wait_until
from tests.tying import tied


class Answering(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"inside")

    def address_string(self) -> str:
        return "somebody"

    def log_message(self, *_: object) -> None:
        pass


class OnSocket(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def proxy(home: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Begun where its configuration is, as after a start of the installation or after its own end."""
    running = subprocess.Popen(
        tied(caddy.command(home / "caddy" / "caddy.json")),
        cwd=home / "caddy",
        env={"PATH": "/usr/bin:/bin", **caddy.environment()},
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: not ports.is_free(port), 20, "the proxy listens")
        yield running
    finally:
        running.terminate()
        running.wait(10)


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """An address file, and where the proxy answers for it."""
    port = ports.anywhere()
    caddy.configure(tmp_path, host="127.0.0.1", endpoints=[port])
    with proxy(tmp_path, port):
        yield tmp_path / "endpoints" / str(port), f"http://127.0.0.1:{port}/"


def test_health_tells_whether_it_answers_also_where_it_is_frozen_and_after_it_was_killed(
    settings: Any, client: Client, transactional_db: None, tmp_path: Path
) -> None:
    # Longer than the name of a socket may be.
    home, port = tmp_path / ("a-long-name-" * 9), ports.anywhere()
    home.mkdir()
    settings.TOWPATH_HOME = home
    settings.INSTALLATION = env.Installation(endpoint_first=port, endpoint_count=1)
    caddy.configure(home, host="127.0.0.1", endpoints=[port])

    def told() -> str:
        return str(client.get("/api/health/detailed").json()["parts"]["proxy"]["status"])

    assert told() == "away", "it was not started"
    with proxy(home, port) as running:
        assert told() == "ok"
        running.send_signal(signal.SIGSTOP)
        assert told() == "away"
        running.send_signal(signal.SIGCONT)
        wait_until(lambda: told() == "ok", 10, "the proxy goes on")
        running.kill()
        running.wait(10)
        assert told() == "away"
    with proxy(home, port):
        assert told() == "ok"


def test_it_goes_to_the_port_that_the_file_names_now(endpoint: tuple[Path, str]) -> None:
    file, url = endpoint
    assert httpx.get(url).status_code == 503
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answering) as server, serving(server):
        file.write_text(str(server.server_address[1]))
        assert httpx.get(url).text == "inside"
    file.unlink()
    assert httpx.get(url).status_code == 503


def test_it_goes_to_no_socket_and_no_other_host_whatever_the_file_says(
    endpoint: tuple[Path, str], tmp_path: Path
) -> None:
    file, url = endpoint
    socket = tmp_path / "control.sock"
    with OnSocket(str(socket), Answering) as server, serving(server):
        for said in (
            f"unix/{socket}",
            f"unix//{socket}",
            f"/unix/{socket}",
            f"1/unix/{socket}",
            "localhost:80",
            "0-65535",
        ):
            file.write_text(said)
            assert httpx.get(url, timeout=10).status_code == 503, said


def test_nobody_can_give_it_another_configuration(endpoint: tuple[Path, str], tmp_path: Path) -> None:
    assert list((tmp_path / "caddy").glob("*.sock")) == [caddy.alive(tmp_path)]
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(caddy.alive(tmp_path)))) as asking:
        assert asking.get("http://localhost/config/").content == b"", "it says that it lives, and nothing else"
    assert ports.is_free(2019)
