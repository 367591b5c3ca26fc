"""Programs in a project's supervisor: written as a specification, added, watched to their end, removed."""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from towpath.worker import execution
from towpath.worker.duties import DUTIES
from towpath.worker.execution import packed, unpacked
from towpath.worker.layout import ProjectLayout, safe_name, sync_directory
from towpath.worker.preparing import program_line
from towpath.worker.supervisors import Supervisor

# Marks the helpers of this very process: those of an earlier one are cleared away.
NONCE = os.urandom(3).hex()
STOPPED, STARTING, RUNNING, BACKOFF, STOPPING, EXITED, FATAL = 0, 10, 20, 30, 40, 100, 200
ENDED = {STOPPED, EXITED, FATAL}
# `towpath exec`, by an interpreter that loads nothing besides: it stands before every step and service.
EXEC = [sys.executable, "-I", "-S", execution.__file__]

# By its last line a whole file is known from half of one.
PROGRAM = """[program:{name}]
command = {command}
autostart = {autostart}
autorestart = {autorestart}
startsecs = {startsecs}
startretries = 100000
stopwaitsecs = {stop_timeout}
stopasgroup = true
killasgroup = true
stdout_logfile = ../logs/{name}.out
stderr_logfile = ../logs/{name}.err
stdout_logfile_maxbytes = {log_bytes}
stderr_logfile_maxbytes = {log_bytes}
stdout_logfile_backups = 1
stderr_logfile_backups = 1
"""


@dataclass(frozen=True)
class Program:
    """What `towpath exec` is told, and how the supervisor keeps it."""

    name: str
    spec: dict[str, Any]
    kept: bool = False  # a service is kept running and comes back by itself; a job runs once
    stop_timeout: int = 5
    tied: bool = True  # ends with its supervisor: nothing is ever doubled by the next one
    keep_files: bool = False  # what lies in its directory already belongs to it


def write(supervisor: Supervisor, program: Program) -> Path:
    """Put the specification where the project can read it and nobody else; whole or not at all."""
    directory = supervisor.layout.specs / safe_name(program.name)
    fresh = directory.with_name(f".{program.name}")
    shutil.rmtree(fresh, ignore_errors=True)
    if program.keep_files and directory.is_dir():
        directory.rename(fresh)
    else:
        # Its group is the project's, and so is that of what is made in it, by the bit it inherits from its parent.
        # It must not be set again: the kernel takes it from whoever is not in that group.
        fresh.mkdir(mode=0o750)
    is_duty = program.spec.get("kind") in DUTIES
    described = {"spec.json": json.dumps(program.spec).encode()} if is_duty else {"start": packed(program.spec)}
    # Where the project has no user of its own, nobody else of the group reads what it is started with.
    mode = 0o600 if supervisor.layout.uid == os.getuid() else 0o640
    for name, content in {**described, "program.conf": configuration(program).encode()}.items():
        descriptor = os.open(fresh / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    sync_directory(fresh)
    shutil.rmtree(directory, ignore_errors=True)
    fresh.rename(directory)
    sync_directory(directory.parent)
    return directory


def drop_halves(layout: ProjectLayout) -> None:
    """Take away programs of which only a part is written: half a file keeps a supervisor from starting.

    For the start of the only worker, while nothing else writes here. What is desired is written anew.
    """
    for directory in layout.specs.iterdir():
        # It is written last, and only once the rest is on disk.
        try:
            text = (directory / "program.conf").read_text(encoding="utf-8")
            whole = text.endswith(PROGRAM[-30:]) and not directory.name.startswith(".")
        except (OSError, ValueError):
            whole = False
        if not whole:
            shutil.rmtree(directory, ignore_errors=True)


def configuration(program: Program) -> str:
    command = [*EXEC, "--instance", f"../specs/{program.name}"]
    setpriv = shutil.which("setpriv")
    if setpriv and program.tied:
        command = [setpriv, "--pdeathsig", "KILL", *command]
    return PROGRAM.format(
        name=program.name,
        command=program_line(command),
        autostart="true" if program.kept else "false",
        autorestart="true" if program.kept else "false",
        startsecs=1 if program.kept else 0,
        stop_timeout=program.stop_timeout,
        log_bytes="10MB" if program.kept else "64MB",
    )


def begins_here(supervisor: Supervisor, name: str) -> bool:
    """Whether a program is started by what this worker runs on: an update may have put that elsewhere."""
    try:
        text = (supervisor.layout.specs / safe_name(name) / "program.conf").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    return program_line(EXEC) in text


def helper(kind: str, what: str) -> str:
    """The name of a short job that belongs to no run."""
    return f"{kind}.{what}.{os.urandom(2).hex()}.{NONCE}"


def add(supervisor: Supervisor, program: Program) -> None:
    write(supervisor, program)
    supervisor.add(program.name, start=not program.kept)


def remove(supervisor: Supervisor, name: str, *, within: float, now: bool = False) -> bool:
    """Stop a program (at once with `now`) and take away all that it had; false when it would not end in time."""
    # First the file: a supervisor that restarts meanwhile must not bring the program back.
    shutil.rmtree(supervisor.layout.specs / safe_name(name), ignore_errors=True)
    if now:
        supervisor.kill(name)
    supervisor.stop(name)
    until = time.monotonic() + within
    pause = 0.02
    while True:
        state = supervisor.state(name)
        if state is None or (state["state"] in ENDED and supervisor.remove(name)):
            return True
        if time.monotonic() > until:
            if now:
                return False
            now = True
            until = time.monotonic() + 5
            supervisor.kill(name)
        time.sleep(pause)
        pause = min(0.25, pause * 1.5)


@dataclass(frozen=True)
class Finished:
    exit_code: int
    timed_out: bool = False


def run_job(
    supervisor: Supervisor,
    program: Program,
    *,
    timeout: float,
    meanwhile: Callable[[], None] = lambda: None,
    at_end: Callable[[], None] = lambda: None,
) -> Finished:
    """Run a program once and wait for its end. `meanwhile` is called often and may raise: the program is then killed.

    `at_end` is called once after the end, while its output is still there.
    """
    until = time.monotonic() + timeout
    finished = False
    try:
        add(supervisor, program)
        pause = 0.03
        while True:
            state = supervisor.state(program.name)
            if state is None or state["state"] in ENDED:
                finished = True
                at_end()
                return Finished(-1 if state is None or state["state"] == FATAL else int(state["exitstatus"]))
            meanwhile()
            if time.monotonic() > until:
                supervisor.kill(program.name)
                at_end()
                return Finished(-1, timed_out=True)
            time.sleep(pause)
            pause = min(0.2, pause * 1.3)
    finally:
        remove(supervisor, program.name, within=5, now=not finished)


def read_spec(supervisor: Supervisor, name: str) -> dict[str, Any] | None:
    """What a step or service was written with (see `execution.unpacked`)."""
    try:
        return unpacked((supervisor.layout.specs / safe_name(name) / "start").read_bytes())
    except (OSError, ValueError):
        return None
