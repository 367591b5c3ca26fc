"""`towpath worker start`: join an environment and work for it until told to stop."""

import argparse
import fcntl
import os
import signal
import sys
from pathlib import Path
from urllib.parse import urlsplit

from towpath.worker import programs, stopping
from towpath.worker.control_plane import ControlPlane
from towpath.worker.host import recognise
from towpath.worker.journal import say
from towpath.worker.layout import Layout, read_json, write_atomically
from towpath.worker.preparing import prepare
from towpath.worker.proxy import Proxy
from towpath.worker.session import Session
from towpath.worker.working import Worker
from towpath.worker.worksite import Worksite


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="towpath worker start", description="Join an environment: carry out its runs, keep its services here."
    )
    parser.add_argument("--token", help="the environment's worker token; leaves the command line at once")
    parser.add_argument("--token-file", type=Path, help="a file that holds the token")
    parser.add_argument("--environment", help="the environment's name")
    parser.add_argument("--server", help="the control plane's address, http://host:port")
    parser.add_argument("--directory", type=Path, help="where everything of this environment is kept on this machine")
    parser.add_argument("--address", default="127.0.0.1", help="where this machine's services are reached")
    options = parser.parse_args(arguments)

    given = read_json(options.directory / "worker" / "config.json") if options.directory else {}
    environment = options.environment or given.get("environment")
    server = options.server or given.get("server") or os.environ.get("TOWPATH_SERVER")
    if not environment or not server:
        parser.error("--environment and --server are needed")
    directory = (options.directory or default_directory(str(server), str(environment))).absolute()
    layout = Layout(directory)
    if not (layout.worker / "config.json").exists():
        prepare(directory)
    if options.token:
        # Every user of a machine can read a process's arguments: the token goes to a file and we begin again without.
        write_atomically(layout.token, options.token.strip() + "\n")
        os.execv(sys.executable, again(directory, str(environment), str(server), options.address))
    if options.token_file and options.token_file.resolve() != layout.token.resolve():
        write_atomically(layout.token, options.token_file.read_text(encoding="utf-8").strip() + "\n")
    if not layout.token.exists():
        parser.error("--token-file (or --token) is needed the first time")
    code = work(layout, environment=str(environment), server=str(server), address=options.address)
    sys.stderr.flush()
    os._exit(code)  # a probe that still waits for its answer must not hold up the end


def again(directory: Path, environment: str, server: str, address: str) -> list[str]:
    return [
        sys.executable,
        *("-P", "-m", "towpath", "worker", "start"),
        *("--directory", str(directory)),
        *("--environment", environment),
        *("--server", server),
        *("--address", address),
    ]


def default_directory(server: str, environment: str) -> Path:
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    where = urlsplit(server if "//" in server else f"//{server}").netloc
    words = "".join(
        letter if letter.isalnum() or letter in "._-" else "_" for letter in f"{where}-{environment}".lower()
    )
    return state / "towpath" / words


def work(layout: Layout, *, environment: str, server: str, address: str) -> int:
    lock = os.open(layout.worker / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say(f"another worker works in {layout.root} already")
        return 3
    host = recognise(layout)
    if os.geteuid() == 0 and not host.builtin:
        say("running as root: so does everything that is deployed here; an ordinary user would do")
    worksite = Worksite.at(layout, host)
    for project in worksite.present_projects():
        programs.drop_halves(layout.project(project))
    worker = Worker(Session(ControlPlane(server), layout, host, environment, address), worksite)

    stopping.hear(signal.SIGTERM, signal.SIGINT, signal.SIGHUP, told=worker.standing.end)
    proxy = None if host.builtin else Proxy(layout, host, address)
    if proxy and worker.standing.session.known_before:
        proxy.begin(worksite.stopping)  # what is deployed here answers, whether or not the control plane does
    worker.standing.enter()
    if not worksite.stopping.is_set():
        if proxy:
            say(f"working for {environment}, everything of it is kept in {layout.root}")
            say("Ctrl-C ends the worker; services go on running and the next start takes them over")
            proxy.begin(worksite.stopping)
        worker.run()
    if proxy and worker.standing.terminated:
        worksite.end_supervisors()
        proxy.end()
    say(f"leaving: {worker.standing.reason}")
    return worker.standing.exit_code
