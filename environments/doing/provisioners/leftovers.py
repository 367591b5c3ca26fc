"""Processes of an environment that outlived their supervisors: found by user or by where they live, and killed."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from environments.doing.progress import COOKIE, Progress, StepFailed
from environments.models import Account, Environment


def kill(environment: Environment, progress: Progress) -> int:
    """Kill them until none is left; how many there were."""
    killed: set[int] = set()
    for _ in range(50):
        found = list(_processes(environment))
        if not found:
            return len(killed)
        for process in found:
            progress.check()
            with suppress(psutil.Error):
                process.kill()
                killed.add(process.pid)
        psutil.wait_procs(found, timeout=0.5)
    raise StepFailed(f"{len(found)} process(es) of this environment could not be killed; the first is {found[0]}.")


def _processes(environment: Environment) -> Iterator[psutil.Process]:
    uids = set(Account.objects.filter(environment=environment, uid__isnull=False).values_list("uid", flat=True))
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if process.uids().real in uids or (environment.directory and _lives_in(process, environment.directory)):
                yield process


def _lives_in(process: psutil.Process, directory: str) -> bool:
    """By its home, which every program of an environment is started with, or by where one that a run started works.

    Somebody who only looks around there is left alone.
    """
    environ = process.environ()
    if Path(environ.get("HOME") or "/").is_relative_to(directory):
        return True
    return ("TOWPATH_RUN" in environ or COOKIE in environ) and Path(process.cwd()).is_relative_to(directory)
