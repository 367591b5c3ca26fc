"""The one supervisor of an installation, spoken to over its socket."""

import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from config.up.errors import CannotStart
from environments.doing import wire
from environments.doing.wire import UNANSWERED

RUNNING, STARTING, FATAL = "RUNNING", "STARTING", "FATAL"
GONE = {"STOPPED", "EXITED", "FATAL"}
# By its path, without what lies beside it: it runs where this project cannot be imported.
PROGRAM = Path(__file__).with_name("supervisord.py")


class Supervisor:
    """Starts supervisord as a child of this process and tells it what to start and stop."""

    def __init__(self, home: Path, configuration: Path, environment: dict[str, str]) -> None:
        self.home = home
        self.configuration = configuration
        self.environment = environment
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Run supervisord; in a session of its own, so that Ctrl-C reaches only the parent, which stops in order."""
        (self.home / "supervisor" / wire.SOCKET).unlink(missing_ok=True)
        with open(self.home / "logs" / "supervisord.start.log", "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-P", str(PROGRAM), "-n", "-c", str(self.configuration)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment,
                cwd=self.configuration.parent,
                start_new_session=True,
            )
        until = time.monotonic() + 15
        while True:
            if self.process.poll() is not None:
                text = (self.home / "logs" / "supervisord.start.log").read_text(errors="replace").strip()
                raise CannotStart(f"The supervisor ended at once: {text.splitlines()[-1] if text else 'no word'}")
            try:
                self.rpc().getState()
                return
            except UNANSWERED as reason:
                if time.monotonic() > until:
                    raise CannotStart("The supervisor does not answer; see logs/supervisord.log.") from reason
                time.sleep(0.05)

    def rpc(self) -> Any:
        """Its methods."""
        return wire.proxy(self.home / "supervisor").supervisor

    def processes(self) -> list[dict[str, Any]]:
        return cast(list[dict[str, Any]], self.rpc().getAllProcessInfo())

    def start_group(self, group: str) -> None:
        """Start without waiting: what comes up is watched by who needs it."""
        try:
            self.rpc().startProcessGroup(group, False)
        except UNANSWERED as reason:
            raise CannotStart(f"{group} could not be started ({reason}); logs/supervisord.log says more.") from reason

    def stop(self, last: set[str], seconds: float) -> None:
        """Stop all side by side, then the servers that the others need; supervisord alone would take turns."""
        if self.process is None or self.process.poll() is not None:
            return
        until = time.monotonic() + seconds
        # Where it is going down already, TERM below and the sweep by cookie do the rest.
        with suppress(*UNANSWERED):
            self.stop_those(lambda group: group not in last, until)
            self.stop_those(lambda group: group in last, until)
        self.process.terminate()
        try:
            self.process.wait(max(1.0, until - time.monotonic()) + 4)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def stop_those(self, chosen: Callable[[str], bool], until: float) -> None:
        rpc = self.rpc()
        for group in {info["group"] for info in self.processes() if chosen(info["group"])}:
            rpc.stopProcessGroup(group, False)
        while time.monotonic() < until:
            left = [info for info in self.processes() if chosen(info["group"]) and info["statename"] not in GONE]
            if not left:
                return
            time.sleep(0.1)
