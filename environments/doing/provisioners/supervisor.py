"""The installation's supervisor: programs for environments are added to it, started, stopped and taken away."""

import http.client
import os
import shlex
import time
import xmlrpc.client
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from environments.doing import wire
from environments.doing.progress import Progress, StepFailed

BAD_NAME, ALREADY_STARTED, NOT_RUNNING, ALREADY_ADDED, STILL_RUNNING = 10, 60, 70, 90, 91
UP = {"RUNNING", "STARTING", "BACKOFF"}
DOWN = {"STOPPED", "EXITED", "FATAL"}


@dataclass(frozen=True, kw_only=True)
class Program:
    """What is kept running; `stop_seconds` after TERM it is killed with its whole group."""

    name: str
    command: Sequence[str]
    directory: str
    stop_seconds: int

    def section(self, logs: Path) -> str:
        words = " ".join(shlex.quote(word) for word in self.command)
        if "\n" in words or "\n" in self.directory:
            raise StepFailed("A path on this host holds a line end, which the supervisor's files do not carry.")
        lines = {
            "command": words,
            "directory": self.directory,
            "autostart": "true",
            "autorestart": "true",
            "startsecs": "1",
            # It gives up only on what cannot come up for hours: a control plane may be away that long.
            "startretries": "200",
            "stopsignal": "TERM",
            "stopwaitsecs": str(self.stop_seconds),
            "killasgroup": "true",
            "redirect_stderr": "true",
            "stdout_logfile": str(logs / f"{self.name}.log"),
            "stdout_logfile_maxbytes": "5MB",
            "stdout_logfile_backups": "1",
        }
        text = "".join(f"{key} = {value.replace('%', '%%')}\n" for key, value in lines.items())
        return f"[program:{self.name}]\n{text}"


class Supervisor:
    """Every call opens a connection of its own, so threads never wait for each other."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.directory = home / "supervisor"

    def call(self, method: str, *arguments: Any) -> Any:
        try:
            with wire.proxy(self.directory) as proxy:
                return getattr(proxy, f"supervisor.{method}")(*arguments)
        except (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError) as error:
            raise StepFailed(
                f"The supervisor of this installation does not answer ({error}); is Towpath running under `make up`?"
            ) from error

    def version(self) -> str:
        return str(self.call("getSupervisorVersion"))

    def state(self, name: str) -> str:
        """RUNNING, STARTING, BACKOFF, STOPPING, STOPPED, EXITED, FATAL, or nothing where it is not known."""
        try:
            return str(self.call("getProcessInfo", name)["statename"])
        except xmlrpc.client.Fault as fault:
            if fault.faultCode == BAD_NAME:
                return ""
            raise _refusal(name, fault) from fault

    def keep_running(self, program: Program, progress: Progress) -> None:
        """Whatever was there under this name before, afterwards exactly this program runs."""
        file = self._file(program.name)
        section = program.section(self.home / "logs")
        if not file.exists() or file.read_text() != section:
            self.take_away(program.name, progress)
            _write(file, section)
        self._quietly(program.name, "reloadConfig")
        self._quietly(program.name, "addProcessGroup", program.name)
        if self.state(program.name) not in UP:
            self._quietly(program.name, "startProcess", program.name, False)

    def take_away(self, name: str, progress: Progress, *, patience: float = 60) -> bool:
        """Stop it, wait for its end, forget it; false where there was nothing of that name.

        What has not ended after `patience` seconds is killed before the time that it was promised.
        """
        file = self._file(name)
        # First the file: should we be killed now, the next start of the installation does not bring it back.
        known = file.exists()
        file.unlink(missing_ok=True)
        if self.state(name):
            known = True
            self._quietly(name, "stopProcess", name, False)
            until = time.monotonic() + patience
            ended = progress.wait_for(lambda: self._is_down(name) or time.monotonic() > until, every=0.1)
            if ended and not self._is_down(name):
                self._quietly(name, "signalProcess", name, "KILL")
                progress.wait_for(lambda: self._is_down(name), every=0.1)
            self._quietly(name, "removeProcessGroup", name)
        self._quietly(name, "reloadConfig")
        return known

    def _is_down(self, name: str) -> bool:
        return self.state(name) in DOWN | {""}

    def names(self, prefix: str) -> list[str]:
        """The programs of which a file is here or a process is known, by the beginning of their names."""
        files = {path.stem for path in (self.directory / "conf.d").glob("*.conf")}
        running = {str(info["group"]) for info in self.call("getAllProcessInfo")}
        return sorted(name for name in files | running if name.startswith(prefix))

    def mentions(self, name: str, *words: str) -> bool:
        """Whether the program is written down with all these words in its command."""
        file = self._file(name)
        return file.exists() and all(word.replace("%", "%%") in file.read_text() for word in words)

    def _quietly(self, name: str, method: str, *arguments: Any) -> None:
        """A call whose wish may have come true already."""
        try:
            self.call(method, *arguments)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode not in (BAD_NAME, ALREADY_STARTED, NOT_RUNNING, ALREADY_ADDED):
                raise _refusal(name, fault) from fault

    def _file(self, name: str) -> Path:
        return self.directory / "conf.d" / f"{name}.conf"


def _refusal(name: str, fault: xmlrpc.client.Fault) -> StepFailed:
    return StepFailed(f"The supervisor refused {name}: {fault.faultString}")


def _write(file: Path, text: str) -> None:
    """Appear whole or not at all: the supervisor reads every file whenever one is added."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as written:
            written.write(text)
            written.flush()
            os.fsync(written.fileno())
        os.rename(temporary, file)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def supervisor() -> Supervisor:
    """The one supervisor of this installation."""
    return Supervisor(Path(settings.TOWPATH_HOME))
