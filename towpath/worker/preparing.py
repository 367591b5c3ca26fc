"""Make an environment's and a project's directories with the ownership that keeps them apart."""

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TypedDict

import towpath
from towpath.worker.layout import Layout, ProjectLayout, write_atomically


class Prepared(TypedDict):
    """How a program is started: what `prepare` and `prepare-project` print."""

    command: list[str]
    directory: str
    environment: dict[str, str]


PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

SUPERVISOR = """[supervisord]
nodaemon = true
umask = 027
logfile = ../logs/supervisord.log
logfile_maxbytes = 1MB
logfile_backups = 1
pidfile = supervisord.pid
identifier = towpath

[unix_http_server]
file = /proc/self/cwd/supervisor.sock
chmod = 0770

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[rpcinterface:towpath]
supervisor.rpcinterface_factory = towpath.worker.attendant:make_interface

[include]
files = specs/*/program.conf
"""


def prepare(directory: Path, *, uid: int | None = None, gid: int | None = None) -> Prepared:
    """The environment's own directories; the answer says how its worker is started."""
    layout = Layout(directory)
    # Root keeps the outer directories: whoever could rename in them could put a link where another uid writes.
    make(directory, 0o711)
    # The worker lists the projects; nobody else learns which there are.
    make(layout.projects, 0o751, gid=gid)
    make(layout.worker, 0o700, uid, gid)
    make(layout.routes, 0o755, uid, gid)
    return {
        "command": [sys.executable, "-P", "-m", "towpath", "worker", "start", "--directory", str(directory)],
        "directory": str(layout.worker),
        "environment": child_environment(home=layout.worker),
    }


def prepare_project(
    directory: Path,
    *,
    project: str,
    uid: int | None = None,
    gid: int | None = None,
    worker_gid: int | None = None,
    tied: bool = True,
) -> Prepared:
    """One project's directories in the environment; the answer says how its supervisor is started."""
    layout = Layout(directory)
    mine: ProjectLayout = layout.project(project)
    worker_uid = layout.worker.stat().st_uid
    make(mine.root, 0o711)
    make(mine.specs, 0o2750, worker_uid if uid is not None else None, gid)
    make(mine.run, 0o2770, uid, worker_gid)
    make(mine.logs, 0o2770, uid, worker_gid)
    make(mine.releases, 0o2750, uid, worker_gid)
    write_atomically(mine.root / "supervisord.conf", SUPERVISOR, mode=0o644)
    command = [sys.executable, "-P", "-m", "supervisor.supervisord", "-n", "-c", str(mine.root / "supervisord.conf")]
    setpriv = shutil.which("setpriv")
    if setpriv and tied:
        # Without its starter a supervisor would live on unseen and its services would be doubled at the next start.
        command = [setpriv, "--pdeathsig", "KILL", *command]
    return {"command": command, "directory": str(mine.run), "environment": child_environment(home=mine.run)}


def child_environment(*, home: Path) -> dict[str, str]:
    """All that a worker or a project's supervisor gets: nothing of the starter's environment but the search path."""
    environment = {
        "PATH": os.environ.get("PATH") or PATH,
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    source = Path(towpath.__file__).resolve().parent.parent
    if source.name not in ("site-packages", "dist-packages"):
        environment["PYTHONPATH"] = str(source)
    return environment


def make(path: Path, mode: int, uid: int | None = None, gid: int | None = None) -> None:
    path.mkdir(parents=True, exist_ok=True)
    if uid is not None or gid is not None:
        os.chown(path, -1 if uid is None else uid, -1 if gid is None else gid, follow_symlinks=False)
    os.chmod(path, mode)  # after the change of owner, which takes the setgid bit away


def program_line(arguments: list[str]) -> str:
    """An argument list as supervisor's `command`, where `%` begins a placeholder."""
    return shlex.join(arguments).replace("%", "%%")
