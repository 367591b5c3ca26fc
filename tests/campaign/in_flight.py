"""A switch while a request of five seconds and a WebSocket are open: the old release answers both to their end."""

import base64
import os
import socket
import threading
import time
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from tests.campaign.faults import Found, at_point, watched
from tests.campaign.points import Point
from tests.campaign.site import Site
from tests.journeys.installation import Load

SERVER = """
import base64, hashlib, os, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VERSION = open("version").read().strip().encode()

class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.headers.get("Upgrade", "").lower() == "websocket":
            return self.echo()
        if self.path == "/slow":
            time.sleep(5)
        self.send_response(200)
        self.send_header("Content-Length", str(len(VERSION)))
        self.end_headers()
        self.wfile.write(VERSION)

    def echo(self):
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        while len(head := self.rfile.read(2)) == 2:
            self.rfile.read(4 + (head[1] & 127))
            self.wfile.write(bytes([0x81, len(VERSION)]) + VERSION)
        self.close_connection = True

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Answer).serve_forever()
"""
MANIFEST = {
    "steps": [
        {"name": "build", "run": f"cat > server.py <<'END'{SERVER}END\necho $TOWPATH_VERSION > version; sleep 1"}
    ],
    "services": [
        {
            "name": "web",
            # Its second word is what the site knows services by.
            "run": "exec python3 server.py http.server $PORT",
            "health": {"http": "/", "within": "40s"},
        }
    ],
}


class WebSocket:
    """Says something every fifth of a second and notes which release answered, until the connection ends."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.heard: list[str] = []
        self.open = False
        self.unanswered = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._talk, daemon=True)
        self._connection = socket.create_connection((str(parts.hostname), int(parts.port or 80)), timeout=15)
        key = base64.b64encode(os.urandom(16)).decode()
        self._connection.sendall(
            f"GET /socket HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self._reader = self._connection.makefile("rb")
        assert b" 101 " in self._reader.readline()
        while self._reader.readline().strip():
            pass

    def __enter__(self) -> Self:
        self.open = True
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(20)
        self._connection.close()

    def _talk(self) -> None:
        try:
            while not self._stop.wait(0.2):
                self._connection.sendall(bytes([0x81, 0x80 | 2]) + os.urandom(4) + b"hi")
                if len(head := self._reader.read(2)) < 2 or head[0] != 0x81:
                    return
                self.heard.append(self._reader.read(head[1]).decode())
        except OSError:
            return
        finally:
            self.open = False


def switch_under_open_requests(site: Site) -> Found:
    found = Found("a switch with a request of 5 s and a WebSocket in flight", Point.BEFORE_SWITCH.words)
    first = site.deploy(MANIFEST)
    site.until(lambda: not site.not_whole(first, expected="succeeded"), "a server that can wait is live")
    run, halted = at_point(site, Point.BEFORE_SWITCH, manifest=MANIFEST)
    old = httpx.get(site.address).text
    answered: list[str] = []

    def ask_slowly() -> None:
        try:
            answered.append(httpx.get(f"{site.address}/slow", timeout=30).text)
        except httpx.HTTPError as error:
            answered.append(repr(error))

    asking = threading.Thread(target=ask_slowly)
    with Load(site.address) as load, WebSocket(site.address) as talk:
        asking.start()
        time.sleep(0.5)
        found.done(halted.reached.words)
        with watched(site, found, run, expected="succeeded"):
            halted.go_on()
            site.until(lambda: httpx.get(site.address).text != old, "the new release answers")
            before = len(talk.heard)
            time.sleep(1.5)
            after = len(talk.heard)
        asking.join(30)
    found.wrong += wrong_with(old, answered, load, talk, went_on=after > before)
    return found


def wrong_with(old: str, answered: list[str], load: Load, talk: WebSocket, *, went_on: bool) -> list[Any]:
    wrong = []
    if answered != [old]:
        wrong.append(f"the request that was open was answered {answered}")
    if load.failures:
        wrong.append(f"{len(load.failures)} of {load.answered} requests beside it failed: {load.failures[0]}")
    if load.seen[:1] != [old] or len(load.seen) != 2:
        wrong.append(f"the address answered with {load.seen} one after the other")
    if not went_on or set(talk.heard) != {old}:
        wrong.append(f"the WebSocket heard {sorted(set(talk.heard))} and {'went on' if went_on else 'ended at once'}")
    if talk.open:
        wrong.append("the WebSocket's old service never ended")
    return wrong
