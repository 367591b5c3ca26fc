"""Carrying out the control plane's own runs: claim, go through the steps, say how it goes, conclude."""

import hashlib
import logging
import os
import socket
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil
from django.utils import timezone

from environments import hosts
from environments.doing import conclusions, fetching, preparing, provisioning, terminating
from environments.doing.keeping import KEEPER, Kept
from environments.doing.progress import Interrupted, Step, StepFailed, Unwanted
from environments.models import Phase, Run, RunKind, RunStep
from environments.runs import claim, logs, steps
from environments.runs.lease import LeaseLost
from environments.runs.steps import Report
from projects import correlation
from projects.errors import Refused

logger = logging.getLogger(__name__)

PLANS: dict[RunKind, Callable[[Run], Sequence[Step]]] = {
    RunKind.PROVISION: provisioning.plan,
    RunKind.START: provisioning.plan,
    RunKind.STOP: provisioning.plan,
    RunKind.TERMINATE: terminating.plan,
    RunKind.PREPARE: preparing.plan,
    RunKind.FETCH: fetching.plan,
}


def _sight() -> str:
    """Within which numbers of processes mean the same: one host, since it was started, in one pid namespace."""
    words = [socket.gethostname()]
    with suppress(OSError):
        words += [Path("/proc/sys/kernel/random/boot_id").read_text(), os.readlink("/proc/self/ns/pid")]
    return hashlib.blake2s(" ".join(words).encode(), digest_size=6).hexdigest()


# How names of processes begin that this one could see; then come the process and a word of the attempt's own.
HERE = f"control:{socket.gethostname()[:64]}:{_sight()}:"


def perform(run_id: uuid.UUID | str | None = None) -> bool:
    """Carry out the most urgent run that waits; whether there was one.

    A message names a run, but what is most urgent goes first: the others have messages of their own, and what has
    none is looked for every few seconds.
    """
    holder = f"{HERE}{os.getpid()}:{uuid.uuid4().hex[:12]}"
    if KEEPER.closing.is_set():
        return False
    host_id = _host_id()
    run = claim.by_control(holder, None, host_id=host_id)
    if run is None and run_id is not None:
        run = claim.by_control(holder, uuid.UUID(str(run_id)), host_id=host_id)
    if run is None:
        return False
    with (
        correlation.work(run=run.id, actor=run.created_by),
        correlation.span(f"run {run.kind}", run.traceparent, run=run.id, number=run.number, attempt=run.attempt),
    ):
        Performance(run, holder).carry_out()
    return True


def perform_all() -> int:
    """Carry out runs until none waits, also those that follow from the ones carried out."""
    count = 0
    while perform():
        count += 1
    return count


def take_over() -> None:
    """Give back what a process that one could see held and that is no more, before its lease runs out."""
    for run in Run.objects.filter(phase=Phase.RUNNING, claimant__startswith=HERE):
        pid = run.claimant.removeprefix(HERE).partition(":")[0]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            conclusions.settle(run.pk, lost=True)


def _host_id() -> uuid.UUID | None:
    try:
        return uuid.UUID(str(hosts.local().id))
    except hosts.NoHost:
        return None


class Performance(Kept):
    """One attempt of one run in this process."""

    def __init__(self, run: Run, holder: str) -> None:
        super().__init__(run.id, run.attempt, holder)
        self.run = run
        self.n = 0
        self.step: Step | None = None
        self.lines = 0
        self.last_lines: deque[str] = deque(maxlen=20)
        self._writing = threading.Lock()
        self._ending = threading.Lock()

    def carry_out(self) -> None:
        logger.info("%s begins, attempt %s", self.run, self.attempt)
        with KEEPER.watching(self):
            outcome, reason = self._go()
        if outcome is not None:
            self.end(outcome, reason)
        elif self.why == "closing":
            conclusions.settle(self.run_id, lost=True)

    def end(self, outcome: Phase, reason: str) -> None:
        """Conclude once: by the thread that worked, or over its head by the keeper when it hangs."""
        with self._ending:
            if self.ended:
                return
            try:
                conclusions.finish(self.run_id, self.attempt, self.holder, outcome, reason, list(self.last_lines))
                logger.info("%s ended: %s", self.run, outcome)
            except LeaseLost:
                logger.warning("Attempt %s was taken away before it ended.", self.attempt)
            self.ended = True

    def overdue(self) -> None:
        if self._ending.locked():
            return  # its own thread is at it; the keeper has others to keep
        self.interrupt("timeout")
        cancelled = self.why == "cancelled"
        try:
            with suppress(LeaseLost):
                self._report("cancelled" if cancelled else "failed", "" if cancelled else self._too_long())
        finally:
            if cancelled:
                self.end(Phase.CANCELLED, "")
            else:
                self.end(Phase.FAILED, self._said(self._too_long()))

    def _go(self) -> tuple[Phase | None, str]:
        try:
            todo = list(PLANS[RunKind(self.run.kind)](self.run))
            steps.lay_out(self.run, [(step.name, False) for step in todo])
            done = self._done_before()
            for self.n, self.step in enumerate(todo, start=1):
                if self.step.name in done:
                    self._report("skipped", f"Done in attempt {done[self.step.name]}.")
                else:
                    self._carry_out(self.step)
        except LeaseLost:
            return None, ""
        except Unwanted:
            return Phase.CANCELLED, ""
        except Interrupted:
            return self._why_interrupted()
        except (StepFailed, Refused) as refusal:
            return Phase.FAILED, self._said(str(refusal))
        except Exception as error:
            logger.exception("%s ended with an error nobody foresaw", self.run)
            return Phase.ERRORED, self._said(f"{type(error).__name__}: {error}")
        return Phase.SUCCEEDED, ""

    def _carry_out(self, step: Step) -> None:
        self.begin(until=time.monotonic() + step.timeout)
        self._report("running")
        try:
            with correlation.span(step.name, run=self.run_id):
                step.act(self.progress)
            self.progress.check()
        except (StepFailed, Refused) as refusal:
            self._report("failed", str(refusal))
            raise
        self._report("succeeded")

    def _done_before(self) -> dict[str, int]:
        """Steps that an earlier attempt finished, by name: this one continues at the step that was open."""
        done: dict[str, int] = {}
        for step in RunStep.objects.filter(run=self.run, attempt__lt=self.attempt, phase="succeeded"):
            done[step.name] = step.attempt
        return done

    def _why_interrupted(self) -> tuple[Phase | None, str]:
        if self.why in ("lost", "closing"):
            return None, ""
        cancelled = self.why == "cancelled"
        # What the keeper has given up over our head has its report already.
        with suppress(LeaseLost):
            self._report("cancelled" if cancelled else "failed", "" if cancelled else self._too_long())
        return (Phase.CANCELLED, "") if cancelled else (Phase.FAILED, self._said(self._too_long()))

    def _too_long(self) -> str:
        return f"It took longer than {self.step.timeout:.0f} s and was given up." if self.step else ""

    def _said(self, reason: str) -> str:
        return f"{self.step.name}: {reason}" if self.step else reason

    def _report(self, phase: str, detail: str = "") -> None:
        if self.step is None:
            return
        report = Report(n=self.n, name=self.step.name, phase=phase, detail=detail)
        try:
            steps.report(self.run_id, self.attempt, self.holder, report)
        except LeaseLost:
            self.interrupt("lost")
            raise

    def write(self, text: str, stream: str) -> None:
        """A line of the log, shown at once."""
        with self._writing:
            line = {"at": timezone.now().isoformat(), "step": self.n, "stream": stream, "text": text}
            self.lines = logs.append(self.run_id, self.attempt, self.holder, self.lines, [line])
            self.last_lines.append(text)
