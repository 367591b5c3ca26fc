"""One web process: serves the application on the listening socket that it was given as standard input."""

import os
import socket

import uvicorn

# The socket is the supervisor's: it stays open while one process restarts, and connections wait in its queue.
LISTENER = 0


def main() -> None:
    # Not `--fd`, which takes every socket for a Unix one and so leaves Nagle's delay on.
    listener = socket.socket(fileno=LISTENER)
    listener.set_inheritable(False)
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
    uvicorn.Server(configuration).run(sockets=[listener])


if __name__ == "__main__":
    main()
