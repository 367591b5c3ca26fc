"""The worker itself: which threads it has, what they share, and how it ends."""

import os
import threading
import time
import traceback
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from towpath.worker import releases
from towpath.worker.attempts import Attempt
from towpath.worker.control_plane import EnvironmentTerminated, NotWelcome, Refused, Superseded, Unreachable
from towpath.worker.endpoints import Endpoints
from towpath.worker.journal import say
from towpath.worker.performing import perform
from towpath.worker.reconciling import Reconciler
from towpath.worker.session import Session, now
from towpath.worker.specification import read
from towpath.worker.supervisors import SupervisorAway
from towpath.worker.watching import Watcher
from towpath.worker.worksite import Worksite

AT_ONCE = 4  # runs of different apps; those of one app take turns
CLAIM_WAIT = 20
ENDED, NOT_LET_IN, SUPERSEDED = 0, 1, 3


class Worker:
    def __init__(self, session: Session, worksite: Worksite) -> None:
        self.session = session
        self.worksite = worksite
        self.endpoints = Endpoints(worksite.layout, worksite.host)
        self.stop = worksite.stopping
        self.exit_code = ENDED
        self.reason = "stopped"
        self.terminated = False
        self.attempts: list[Attempt] = []
        self.threads: list[threading.Thread] = []
        self.lock = threading.Lock()
        self.room = threading.Semaphore(AT_ONCE)
        self.rung = threading.Event()
        self.desired_version = -1
        self.reconciler = Reconciler(self)
        self.watcher = Watcher(self)

    def run(self) -> int:
        """Work until told to stop. Services keep running when this ends, unless the environment is gone."""
        loops = [self.claiming, self.renewing, self.guarding, self.sending, self.reconciler.loop, self.watcher.loop]
        for loop in loops:
            self._begin(partial(self._keep_going, loop), name=loop.__name__)
        self.stop.wait()
        with self.lock:
            attempts = list(self.attempts)
        for attempt in attempts:
            if not attempt.sealed:
                attempt.lost.set()  # its processes end; the run is taken up again by whoever registers next
        until = time.monotonic() + 8
        for attempt_thread in [thread for thread in self.threads if thread.name.startswith("run ")]:
            attempt_thread.join(max(0.1, until - time.monotonic()))
        if self.exit_code != SUPERSEDED:
            self.session.disconnect(reason=self.reason, exit_code=self.exit_code)
        return self.exit_code

    def _keep_going(self, loop: Callable[[], None]) -> None:
        """What no loop expected is said, and the loop begins again: a worker with half its loops helps nobody."""
        while not self.stop.is_set():
            try:
                loop()
                return
            except Exception:
                say(f"{loop.__name__}: {traceback.format_exc()}")
                self.stop.wait(2)

    def in_hand(self) -> list[tuple[str, int]]:
        """Run and attempt of all that is being carried out."""
        with self.lock:
            return [(attempt.run, attempt.number) for attempt in self.attempts]

    def end(self, reason: str, exit_code: int = ENDED) -> None:
        self.reason, self.exit_code = reason, exit_code
        self.stop.set()

    def notice_version(self, answer: dict[str, object]) -> None:
        version = answer.get("desired_version")
        if isinstance(version, int) and version > self.desired_version:
            self.rung.set()

    def enter(self, generation: int = 0) -> None:
        """Register, and go on trying: what runs here keeps serving meanwhile."""
        pause = 0.5
        told = ""
        while not self.stop.is_set() and generation == self.session.generation:
            try:
                self.session.register(generation)
                say(f"registered as {self.session.worker_id}")
                return
            except NotWelcome as refusal:
                if self._gives_up(refusal):
                    return
                text, pause = str(refusal), min(30.0, pause * 2)
            except (Unreachable, OSError) as error:
                text, pause = str(error), min(5.0, pause * 2)
            except EnvironmentTerminated:
                self.terminate()
                return
            except Superseded:
                self.end("superseded", SUPERSEDED)
                return
            except Refused as refusal:
                text, pause = str(refusal), min(5.0, pause * 1.5)
                if refusal.status == 404:
                    if self._gives_up(refusal):
                        return
                    pause = 30.0
            if text != told:
                say(text)
                told = text
            self.stop.wait(pause)

    def _gives_up(self, refusal: Refused) -> bool:
        """A person who has just typed the command is told; a worker that was let in before goes on asking."""
        if self.worksite.host.builtin or self.session.known_before:
            return False
        self.end(f"the control plane does not let this worker in: {refusal}", NOT_LET_IN)
        return True

    def survive(self, ask: Callable[[], None]) -> bool:
        """Ask the control plane something; false when it could not answer, and what must follow has been done."""
        generation = self.session.generation
        try:
            ask()
            return True
        except Unreachable:
            return False
        except NotWelcome:
            # Keep serving. A rotated token or a restart of the control plane may let us in again.
            self.stop.wait(1)
            self.enter(generation)
        except EnvironmentTerminated:
            self.terminate()
        except Superseded:
            if generation != self.session.generation:
                return False  # the question was asked with the session that we have replaced ourselves
            say("another process works with this session: leaving")
            self.end("superseded", SUPERSEDED)
        except Refused as refusal:
            say(f"refused: {refusal}")
        return False

    def terminate(self) -> None:
        """410: the only word upon which services are stopped for good."""
        if not self.stop.is_set():
            say("the environment is terminated: stopping its services")
            self.reconciler.stop_everything(forget=True)
            self.terminated = True
            self.end("environment terminated")

    def claiming(self) -> None:
        key = uuid.uuid4().hex
        pause = 0.5
        while not self.stop.is_set():
            if not self.room.acquire(timeout=1):
                continue
            taken: list[Attempt] = []
            answered = self.survive(partial(self._claim, key, taken))
            if taken and not self.stop.is_set():
                key = uuid.uuid4().hex  # the old key would answer the same run again
                self._perform(taken[0])
            else:
                self.room.release()
            if answered:
                pause = 0.5
            else:
                self.stop.wait(pause)
                pause = min(8.0, pause * 2)

    def _claim(self, key: str, taken: list[Attempt]) -> None:
        question = {"claim_key": key, "wait": CLAIM_WAIT}
        answer = self.session.call("/workers/me/claims", question, timeout=CLAIM_WAIT + 10)
        self.notice_version(answer)
        if answer.get("run"):
            attempt = Attempt(self.session, read(answer["run"]), claimed_at=now(), deadline=deadline(answer["run"]))
            # The question may have been parked for as long as a lease lives, and the answer may have waited for us:
            # only a renewal that is sent now tells whether the run is still ours.
            self._renew([attempt])
            if not attempt.lost.is_set():
                taken.append(attempt)

    def _perform(self, attempt: Attempt) -> None:
        with self.lock:
            self.attempts.append(attempt)

        def work() -> None:
            try:
                perform(self.worksite, self.endpoints, attempt)
            finally:
                attempt.log.flush(self.session, within=2)
                with self.lock:
                    self.attempts.remove(attempt)
                self.room.release()
                self.worksite.changed.set()

        say(f"run {attempt.run} attempt {attempt.number}: {attempt.specification.action}")
        self._begin(work, name=f"run {attempt.run}")

    def renewing(self) -> None:
        """The heartbeat, also without runs. What is not answered for is given up by `guarding`."""
        while not self.stop.is_set():
            with self.lock:
                attempts = list(self.attempts)
            self.survive(partial(self._renew, attempts))
            self.stop.wait(self.session.renew_seconds)

    def _renew(self, attempts: list[Attempt]) -> None:
        sent = now()
        body: dict[str, Any] = {
            "runs": [{"id": attempt.run, "attempt": attempt.number} for attempt in attempts],
            "status": "busy" if attempts else "idle",
            "system_info": {"pid": os.getpid()},
        }
        try:
            answer = self.session.call("/workers/me/renewals", body, timeout=5)
        except Superseded:
            raise
        except Refused as refusal:
            if refusal.status != 409:
                raise
            answer = {"runs": [{**run, "held": False} for run in body["runs"]]}
        self.notice_version(answer)
        told = {(entry["id"], entry["attempt"]): entry for entry in answer.get("runs", [])}
        for attempt in attempts:
            entry = told.get((attempt.run, attempt.number), {})
            if entry.get("held"):
                attempt.renewed_at = sent
            elif "held" in entry:
                attempt.lost.set()
            if entry.get("cancel"):
                attempt.cancelled.set()

    def guarding(self) -> None:
        """Give up what could not be renewed in time, even while a request hangs or after we were frozen."""
        ended: list[Attempt] = []
        while not self.stop.wait(0.5):
            with self.lock:
                attempts = list(self.attempts)
            for attempt in attempts:
                attempt.notice_time()
                if attempt.lost.is_set() and attempt not in ended:
                    ended.append(attempt)
                    self._end_jobs(attempt)
            ended = [attempt for attempt in ended if attempt in attempts]

    def _end_jobs(self, attempt: Attempt) -> None:
        """The run's own thread may be waiting for an answer: its processes do not wait with it."""
        supervisor = self.worksite.answering(attempt.specification.project)
        try:
            if supervisor is not None:
                releases.kill_jobs(supervisor, attempt)
        except (SupervisorAway, OSError) as error:
            say(f"run {attempt.run}: {error}")

    def sending(self) -> None:
        while not self.stop.wait(0.3):
            with self.lock:
                attempts = list(self.attempts)
            for attempt in attempts:
                self.survive(partial(attempt.log.send_all, self.session))

    def _begin(self, work: Callable[[], None], *, name: str) -> None:
        thread = threading.Thread(target=work, name=name, daemon=True)
        self.threads = [thread for thread in self.threads if thread.is_alive()]
        self.threads.append(thread)
        thread.start()


def deadline(run: dict[str, Any]) -> float:
    """When the whole run must be over, on our own clock: the control plane's may differ from this machine's."""
    try:
        left = datetime.fromisoformat(str(run["deadline_at"])) - datetime.now(UTC)
    except (KeyError, TypeError, ValueError):
        return float("inf")
    return now() + max(60.0, left.total_seconds())
