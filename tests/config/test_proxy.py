"""The endpoint proxy dials what an address file says, and only ports of this machine."""

import http.server
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

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


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """An address file, and where the proxy answers for it."""
    port = ports.anywhere()
    configuration = caddy.configure(tmp_path, host="127.0.0.1", endpoints=[port])
    running = subprocess.Popen(
        tied(caddy.command(configuration)),
        cwd=tmp_path / "caddy",
        env={"PATH": "/usr/bin:/bin", **caddy.environment()},
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: not ports.is_free(port), 20, "the proxy listens")
        yield tmp_path / "endpoints" / str(port), f"http://127.0.0.1:{port}/"
    finally:
        running.terminate()
        running.wait(10)


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
    assert not list((tmp_path / "caddy").glob("*.sock"))
    assert ports.is_free(2019)
