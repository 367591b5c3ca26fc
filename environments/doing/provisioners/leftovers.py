"""What is left of an environment when its supervisors are gone: processes are found and killed, directories removed."""

import os
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil
from django.conf import settings

from environments.doing.progress import Progress, StepFailed
from environments.models import Account, Environment
from projects.env_names import COOKIE, PATH


def kill(environment: Environment, progress: Progress) -> int:
    """Kill its processes until none is left; how many there were."""
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


def remove(environment: Environment, progress: Progress) -> None:
    """Remove the environment's directories and what its programs have said."""
    for log in (Path(settings.TOWPATH_HOME) / "logs").glob(f"environment-{environment.id.hex}-*"):
        log.unlink(missing_ok=True)
    if not environment.directory or not Path(environment.directory).exists():
        progress.say("There are no directories.")
        return
    root = Path(settings.INSTALLATION.environments_root).resolve()
    directory = Path(environment.directory)
    # The row names it, and root deletes it: nothing but a direct child of the environments' root may go.
    if directory.is_symlink() or directory.resolve().parent != root:
        raise StepFailed(f"{directory} does not lie in {root}; remove it by hand.")
    # By a program that goes as deep as any step has, and that ends with this step.
    run = partial(progress.run, environment={"PATH": PATH})
    take_away = partial(run, ["rm", "-rf", "--one-file-system", "--", str(directory)])
    try:
        take_away()
    except StepFailed:
        if os.geteuid() == 0:
            raise
        # Where users are not separated, a step can have taken away our own right to look into its directories.
        run(["chmod", "-R", "u+rwX", "--", str(directory)])
        take_away()
    progress.say(f"Removed {directory}.")


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
