"""One web process: serves the application on the listening socket it was given, or on TOWPATH_BIND."""

import asyncio
import os
import socket
import stat
import time

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HTTP = (H11Protocol, HttpToolsProtocol)
# A request that is not here so long after its connection has not been sent.
ARRIVES_WITHIN = 1.0
# The socket is the supervisor's: it stays open while one process restarts, and connections wait in its queue.
LISTENER = 0


def listen() -> socket.socket:
    """The supervisor's socket, given as standard input; where there is none, as in a container, one of our own."""
    if stat.S_ISSOCK(os.fstat(LISTENER).st_mode):
        # Not `--fd`, which takes every socket for a Unix one and so leaves Nagle's delay on.
        given = socket.socket(fileno=LISTENER)
        given.set_inheritable(False)
        return given
    host, _, port = os.environ.get("TOWPATH_BIND", "127.0.0.1:8000").rpartition(":")
    return socket.create_server((host, int(port)), backlog=1024)


class Server(uvicorn.Server):
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept nothing more, answer what was accepted, then leave.

        The library would close a connection whose first request is still on its way, and so reset it: whoever had
        connected to this process rather than to its neighbour would be refused.
        """
        for server in self.servers:
            server.close()
        until = time.monotonic() + ARRIVES_WITHIN
        # At least once: what was accepted at this very moment is not among the connections yet.
        while True:
            await asyncio.sleep(0.05)
            if not self.somebody_is_about_to_ask() or time.monotonic() > until:
                break
        await super().shutdown(sockets)

    def somebody_is_about_to_ask(self) -> bool:
        return any(isinstance(one, HTTP) and one.cycle is None for one in self.server_state.connections)


def main() -> None:
    configuration = uvicorn.Config(
        "config.asgi:application",
        lifespan="auto",
        access_log=False,
        # What it says goes where everything else goes, and looks the same.
        log_config=None,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=3,
        proxy_headers=bool(os.environ.get("TOWPATH_PROXIES")),
        forwarded_allow_ips=os.environ.get("TOWPATH_PROXIES") or None,
        log_level="info",
    )
    Server(configuration).run(sockets=[listen()])


if __name__ == "__main__":
    main()
