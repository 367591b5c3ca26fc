"""One web process: serves the application on the listening socket it was given, or on TOWPATH_BIND."""

import os
import socket
import stat

import uvicorn

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


def main() -> None:
    configuration = uvicorn.Config(
        "config.asgi:application",
        lifespan="auto",
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=3,
        proxy_headers=bool(os.environ.get("TOWPATH_PROXIES")),
        forwarded_allow_ips=os.environ.get("TOWPATH_PROXIES") or None,
        log_level="info",
    )
    uvicorn.Server(configuration).run(sockets=[listen()])


if __name__ == "__main__":
    main()
