"""One attempt at a run: what it holds, whether it still may go on, and its way to report."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

from towpath.worker import messages
from towpath.worker.control_plane import NotWelcome, Refused, Unreachable
from towpath.worker.run_log import RunLog
from towpath.worker.session import Session, now
from towpath.worker.specification import Specification

# The server gives the run to somebody else a lease after the last renewal it saw: be gone well before (20 of 30 s).
PART_OF_LEASE = 2 / 3


class LeaseLost(Exception):
    """This attempt is no longer ours: end its processes and say nothing more."""


class Cancelled(Exception):
    """Somebody asked for the run to be cancelled."""


class Failed(Exception):
    """The work said no; the text is the reason that people read."""

    def __init__(self, reason: str, last_lines: list[str] | None = None) -> None:
        super().__init__(reason)
        self.last_lines = last_lines or []


class Errored(Exception):
    """We could not do the work; the text says why."""


class Attempt:
    def __init__(self, session: Session, specification: Specification, *, claimed_at: float, deadline: float) -> None:
        self.session = session
        self.specification = specification
        self.run = specification.run
        self.number = specification.attempt
        self.log = RunLog(self.run, self.number, masks=specification.masks, traceparent=specification.traceparent)
        self.renewed_at = claimed_at  # when the last request that succeeded was SENT
        self.lost = threading.Event()
        self.cancelled = threading.Event()
        self.deadline = deadline
        self.sealed = False
        self.step = 0
        self.exit_code: int | None = None  # of the step, where it is a program
        self._ended: dict[str, Any] | None = None  # the step that has just ended, told with what comes next

    def check(self) -> None:
        """Called often while work goes on."""
        self.notice_time()
        if self.lost.is_set():
            raise LeaseLost
        if self.cancelled.is_set() and not self.sealed:
            raise Cancelled
        if now() > self.deadline and not self.sealed:
            raise Failed("The run took longer than it was given")

    def notice_time(self) -> None:
        """Give up what could not be renewed in time."""
        if now() - self.renewed_at > self.session.lease_seconds * PART_OF_LEASE:
            self.lost.set()

    def wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while True:
            self.check()
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(0.2, left))

    def ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Say something about the run, again and again while nobody answers and the lease lasts."""
        pause = 0.2
        while True:
            self.check()
            try:
                body = {"attempt": self.number, **body}
                return self.session.call(path, body, timeout=8, traceparent=self.specification.traceparent)
            except (Unreachable, NotWelcome):
                self.wait(pause)
                pause = min(3.0, pause * 2)
            except Refused as refusal:
                if refusal.code == "cancelled":
                    self.cancelled.set()
                    raise Cancelled from refusal
                if refusal.status in (404, 409, 410):
                    self.lost.set()
                    raise LeaseLost from refusal
                raise

    def report(self, n: int, name: str, phase: str, *, detail: str = "") -> None:
        self.step = n
        self._tell(self._step(n, name, phase, detail))

    def _step(self, n: int, name: str, phase: str, detail: str) -> dict[str, Any]:
        return {"n": n, "name": name, "phase": phase, "detail": self._sayable(detail), "exit_code": self.exit_code}

    def _sayable(self, text: str, longest: int = messages.LONGEST) -> str:
        """Without secrets, which would not be known any more once they are cut."""
        return messages.cut(self.specification.masks.hide_text(text), longest)

    def _tell(self, step: dict[str, Any]) -> None:
        ended = self._ended
        answer = self.ask(f"/runs/{self.run}/reports", {**({"before": ended} if ended else {}), "step": step})
        self._ended = None
        if answer.get("cancel"):
            self.cancelled.set()

    def _tell_end(self) -> None:
        if ended := self._ended:
            self._ended = None
            self._tell(ended)

    def seal(self) -> None:
        """The point of no return: after it nobody can cancel, and whoever goes on goes forward."""
        # Whoever goes on repeats no step: what the steps wrote is kept now, or lost with this process.
        self.log.flush(self.session, within=5)
        self._tell_end()
        self.ask(f"/runs/{self.run}/seal", {})
        self.sealed = True

    def note(self, text: str) -> None:
        self.log.add(step=self.step, stream="note", text=text)

    def conclude(self, outcome: str, reason: str = "", last_lines: list[str] | None = None) -> None:
        self.log.flush(self.session, within=10)
        self._tell_end()
        lines = [self._sayable(line) for line in last_lines or []]
        body = {"outcome": outcome, "reason": self._sayable(reason, 2 * messages.LONGEST), "last_lines": lines}
        self.ask(f"/runs/{self.run}/conclusion", body)

    def doing(
        self, n: int, name: str, work: Callable[[], str | None], *, brief: bool = False, at_once: bool = False
    ) -> None:
        """One step of the run page: running, then how it ended. What `work` answers is shown beside it.

        Its good end is told with the beginning of the next, and of one that is `brief` nothing else is: every word
        that must be heard before work goes on stands between a promotion and what it brings. What is done `at_once`
        does not wait until its beginning was heard; whoever can be repeated may.
        """
        self.step = n
        self.exit_code = None
        heard = beside(partial(self._tell, self._step(n, name, "running", ""))) if at_once else None
        if not brief and not at_once:
            self.report(n, name, "running")
        self.note(f"Step {n}: {name}")
        try:
            detail = work()
            if heard:
                heard()
        except Failed as failure:
            self.deadline = float("inf")  # the reports that follow must get through
            self.note(str(failure))
            self.report(n, name, "failed", detail=str(failure))
            raise
        if detail:
            self.note(detail)
        self._tell_end()
        self._ended = self._step(n, name, "succeeded", detail or "")
        self.exit_code = None


def beside(work: Callable[[], None]) -> Callable[[], None]:
    """Begin `work` on a thread of its own; to call what is answered waits for its end, and raises what it raised."""
    ended: Future[None] = Future()

    def do() -> None:
        try:
            work()
        except BaseException as error:
            ended.set_exception(error)
        else:
            ended.set_result(None)

    threading.Thread(target=do, name="beside", daemon=True).start()
    return ended.result
