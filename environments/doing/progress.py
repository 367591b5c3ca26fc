"""What a step of the control plane's own work talks to while it runs: its lines, its deadline, its right to go on."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

from projects.env_names import COOKIE


class StepFailed(Exception):
    """The step says no, in a sentence that the environment's page shows."""


class Interrupted(Exception):
    """The step must stop: its time is up, somebody cancelled the run, or the lease was lost."""


class Unwanted(Interrupted):
    """What the run was asked for is not wanted any more."""


@dataclass(frozen=True)
class Step:
    """One repeatable piece of work with a deadline of its own, in seconds."""

    name: str
    act: Callable[["Progress"], None]
    timeout: float = 60


@dataclass
class Progress:
    """`write` keeps a line of the run's log; `interrupted` is set when the step is given up."""

    write: Callable[[str, str], None]
    until: float
    interrupted: threading.Event = field(default_factory=threading.Event)
    still_ours: Callable[[], bool] = lambda: True

    def say(self, text: str, *, stream: str = "note") -> None:
        """Show a line now. A step that was given up learns of it here at the latest."""
        self.check()
        self.write(text, stream)

    def check(self) -> None:
        if self.interrupted.is_set() or not self.seconds_left or not self.still_ours():
            raise Interrupted

    @property
    def seconds_left(self) -> float:
        return max(0.0, self.until - time.monotonic())

    def wait_for(self, question: Callable[[], Any], *, every: float = 0.2) -> Any:
        """Ask until the answer is true, and return it. The step's own deadline ends the waiting."""
        while not (answer := question()):
            self.interrupted.wait(every)
            self.check()
        return answer

    def run(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        directory: Path | str = "/",
        title: str = "",
    ) -> str:
        """Run a program to its end and return what it printed; what it says on stderr is shown.

        `title` names it in a refusal, where the command begins with something else.
        """
        self.check()
        with subprocess.Popen(
            list(command),
            env={**environment, COOKIE: settings.INSTALLATION.id},
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            try:
                out, err = self._communicate(process)
            except BaseException:
                # With all that it has started.
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                raise
        printed = out.decode(errors="replace")
        complaint = [line for line in err.decode(errors="replace").splitlines() if line.strip()]
        for line in complaint[-40:]:
            self.say(line, stream="err")
        if process.returncode:
            last = complaint[-1] if complaint else f"exit code {process.returncode}"
            raise StepFailed(f"`{title or Path(command[0]).name}` failed: {last}")
        return printed

    def _communicate(self, process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
        """Wait in short stretches, so that a step that was given up does not leave its program behind."""
        while True:
            try:
                return process.communicate(timeout=0.5)
            except subprocess.TimeoutExpired:
                self.check()
