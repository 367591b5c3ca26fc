"""Ask a service whether it is well: over HTTP, by a connection, or with a command of its own."""

import http.client
import socket
from contextlib import suppress
from typing import Any

from towpath.worker import programs
from towpath.worker.deadlines import Deadline
from towpath.worker.programs import Program
from towpath.worker.routes import Instance
from towpath.worker.supervisors import Supervisor

PROBE_TIMEOUT = 5.0
BODY_WITHIN = 0.5


def probe(supervisor: Supervisor, instance: Instance, service: str, look: dict[str, Any] | None) -> str | None:
    """None when the service is well, else one sentence. `look` is its program as the supervisor sees it now."""
    kept = instance.services[service]
    if look is None:
        return "it is not there"
    if look["state"] not in (programs.STARTING, programs.RUNNING):
        return f"it is not running ({describe_exit(look)})"
    health, port = kept["health"], kept["port"]
    # The port's listener must be one of the service's own processes: anybody on this machine may have taken the port.
    if port and port not in look["ports"]:
        return f"nothing of it listens on port {port} yet"
    if health is None:
        return None if look["state"] == programs.RUNNING else "it has just started"
    if health["kind"] == "http":
        return probe_http(port, health["path"])
    if health["kind"] == "command":
        return probe_command(supervisor, instance, service, health["run"])
    return probe_tcp(port)


def probe_http(port: int, path: str) -> str | None:
    """The status is the answer; a service that trickles what comes before it is cut off."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PROBE_TIMEOUT)
    try:
        with Deadline(PROBE_TIMEOUT) as end:
            connection.connect()
            end.watch(connection.sock)
            connection.request(
                "GET", path if path.startswith("/") else f"/{path}", headers={"User-Agent": "towpath-health"}
            )
            line, response = connection.sock, connection.getresponse()
        # Hung up on in the middle of its answer a service complains in its log; one that never ends is not waited for.
        with Deadline(BODY_WITHIN) as end, suppress(OSError, http.client.HTTPException):
            end.watch(line)
            response.read(1 << 16)
        return None if 200 <= response.status < 400 else f"GET {path} answered {response.status}"
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"GET {path} did not answer: {error or type(error).__name__}"
    finally:
        connection.close()


def probe_tcp(port: int) -> str | None:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=PROBE_TIMEOUT):
            return None
    except OSError as error:
        return f"port {port} does not accept connections: {error.strerror or error}"


def probe_command(supervisor: Supervisor, instance: Instance, service: str, run: str) -> str | None:
    """Runs with the service's own environment and directory, as its uid."""
    spec = programs.read_spec(supervisor, instance.program(service))
    if spec is None:
        return "its specification is gone"
    name = programs.helper("probe", instance.program(service))
    done = programs.run_job(supervisor, Program(name, {**spec, "run": run}), timeout=30)
    if done.timed_out:
        return "its health command did not end within 30 s"
    return None if done.exit_code == 0 else f"its health command ended with exit code {done.exit_code}"


def describe_exit(look: dict[str, Any]) -> str:
    if look["exits"]:
        return exit_text(int(look["exits"][-1][1]))
    return str(look["error"] or "stopped")


def exit_text(code: int) -> str:
    # A shell answers 128 + n for a program that signal n ended.
    if code > 128:
        names = {1: "SIGHUP", 2: "SIGINT", 6: "SIGABRT", 9: "SIGKILL", 11: "SIGSEGV", 15: "SIGTERM"}
        return f"killed by {names.get(code - 128, f'signal {code - 128}')}"
    return "killed by a signal" if code < 0 else f"exit code {code}"
