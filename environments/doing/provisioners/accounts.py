"""Directories made for an environment's users by the worker's own program, and how what runs there is started."""

import json
import os
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from environments import hosts
from environments.doing.progress import Progress, StepFailed
from environments.models import Account, Environment
from projects.env_names import COOKIE, PATH


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """A program with all that it gets; `uid` null where the host cannot separate users."""

    command: list[str]
    directory: str
    environment: Mapping[str, str]
    uid: int | None

    def as_user(self) -> list[str]:
        """The command as its user, with no privilege to gain, no group, and an environment that starts empty."""
        setpriv = shutil.which("setpriv", path=PATH)
        words: list[str] = []
        if setpriv:
            words += [setpriv, "--no-new-privs"]
            if self.uid is not None:
                words += [f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups"]
            words.append("--")
        elif self.uid is not None:
            raise StepFailed("`setpriv` (util-linux) is missing on this host; it changes to an environment's user.")
        given = {**self.environment, COOKIE: settings.INSTALLATION.id}
        return [
            *words,
            shutil.which("env", path=PATH) or "env",
            "-i",
            *(f"{k}={v}" for k, v in given.items()),
            *self.command,
        ]


def prepare_worker(environment: Environment, progress: Progress) -> Preparation:
    """The environment's directories, and how its worker is started."""
    account = hosts.account(environment)
    words = ["prepare", "--directory", environment.directory]
    if account.uid is not None:
        words += ["--uid", str(account.uid), "--gid", str(account.uid)]
    told = _ask(words, progress)
    config = {
        "builtin": True,
        "host_id": str(environment.host_id),
        "service_first": environment.service_first,
        "service_count": environment.service_count,
        "endpoints_directory": None,
    }
    write_for(account, Path(environment.directory) / "worker" / "config.json", json.dumps(config) + "\n")
    server = ["--server", settings.INSTALLATION.url, "--environment", str(environment.id)]
    token = ["--token-file", str(Path(environment.directory) / "worker" / "token")]
    return _preparation(told, account, [*server, *token])


def prepare_project(environment: Environment, account: Account, progress: Progress) -> Preparation:
    """A project's directories in the environment, and how its supervisor is started."""
    assert account.project is not None
    worker = hosts.account(environment)
    words = ["prepare-project", "--directory", environment.directory, "--project", account.project.key]
    if account.uid is not None and worker.uid is not None:
        words += ["--uid", str(account.uid), "--gid", str(account.uid), "--worker-gid", str(worker.uid)]
    return _preparation(_ask(words, progress), account, [])


def write_for(account: Account, file: Path, text: str) -> None:
    """A file that only the account's user can read, written by root into that user's directory.

    The user may have put a link in its place; a new file is made and renamed over whatever is there.
    """
    temporary = file.with_name(f".{file.name}.{os.urandom(6).hex()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(temporary, flags, 0o600), "w") as written:
        if account.uid is not None:
            os.fchown(written.fileno(), account.uid, account.uid)
        written.write(text)
        written.flush()
        os.fsync(written.fileno())
    os.rename(temporary, file)


def holds(file: Path, text: str) -> bool:
    """Whether a file in a user's directory, where root looks for it, is a plain one with this text alone.

    The user may have put a link in its place, or a pipe that nobody writes into.
    """
    expected = text.encode()
    try:
        opened = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return stat.S_ISREG(os.fstat(opened).st_mode) and os.read(opened, len(expected) + 1) == expected
    finally:
        os.close(opened)


def _ask(words: list[str], progress: Progress) -> dict[str, Any]:
    interpreter = settings.INSTALLATION.interpreter
    if not interpreter:
        raise StepFailed("This installation has no interpreter for environments; start it with `make up`.")
    printed = progress.run(
        [interpreter, "-P", "-m", "towpath", "worker", *words],
        environment={"PATH": PATH, "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    told: dict[str, Any] = json.loads(printed)
    return told


def _preparation(told: dict[str, Any], account: Account, more: list[str]) -> Preparation:
    return Preparation(
        command=[*told["command"], *more],
        directory=told["directory"],
        environment=told["environment"],
        uid=account.uid,
    )
