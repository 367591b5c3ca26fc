"""A web app of one file that says hello and which version of it is speaking."""

import os
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VERSION = os.environ.get("TOWPATH_VERSION", "unknown")
ENVIRONMENT = os.environ.get("TOWPATH_ENVIRONMENT", "this machine")
WARM = VERSION >= "1.2.0"
BROKEN = VERSION == "1.1.0"


class Greeter(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/health":
            self.answer(500 if BROKEN else 200, "text/plain", "broken on purpose" if BROKEN else "ok")
        elif self.path == "/version":
            self.answer(200, "text/plain", VERSION)
        elif self.path == "/":
            greeting = f"Hello from {escape(ENVIRONMENT)}!" if WARM else "Hello."
            page = f"<!doctype html><title>Greeter {VERSION}</title><h1>{greeting}</h1><p>Greeter {VERSION}</p>"
            self.answer(200, "text/html", page)
        else:
            self.answer(404, "text/plain", "There is nothing here.")

    def answer(self, status: int, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    print(f"greeter {VERSION} listens on {os.environ['PORT']}", flush=True)
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Greeter).serve_forever()
