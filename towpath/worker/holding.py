"""The runs this worker holds: claimed, renewed, given up in time, and their lines sent."""

import os
import threading
import time
import uuid
from datetime import UTC, datetime
from functools import partial
from typing import Any

from towpath.worker import releases
from towpath.worker.attempts import Attempt
from towpath.worker.control_plane import Refused, Superseded
from towpath.worker.endpoints import Endpoints
from towpath.worker.journal import say
from towpath.worker.performing import perform
from towpath.worker.session import now
from towpath.worker.specification import read
from towpath.worker.standing import Standing
from towpath.worker.supervisors import SupervisorAway

AT_ONCE = 4  # runs of different apps; those of one app take turns
CLAIM_WAIT = 20
FRESH = 1 / 3  # of a lease; it was given after it was asked for


class Holding:
    def __init__(self, standing: Standing, endpoints: Endpoints) -> None:
        self.standing = standing
        self.session = standing.session
        self.worksite = standing.worksite
        self.endpoints = endpoints
        self.stop = standing.stop
        self.attempts: list[Attempt] = []
        self.threads: list[threading.Thread] = []
        self.lock = threading.Lock()
        self.room = threading.Semaphore(AT_ONCE)

    def in_hand(self) -> list[tuple[str, int]]:
        """Run and attempt of all that is being carried out."""
        with self.lock:
            return [(attempt.run, attempt.number) for attempt in self.attempts]

    def give_up(self, *, within: float) -> None:
        """The worker ends: what is not sealed is left to whoever registers next, its processes end now."""
        with self.lock:
            attempts = list(self.attempts)
        for attempt in attempts:
            if not attempt.sealed:
                attempt.lost.set()
        until = time.monotonic() + within
        for thread in self.threads:
            thread.join(max(0.1, until - time.monotonic()))

    def claiming(self) -> None:
        key = uuid.uuid4().hex
        pause = 0.5
        while not self.stop.is_set():
            if not self.room.acquire(timeout=1):
                continue
            taken: list[Attempt] = []
            answered = self.standing.survive(partial(self._claim, key, taken))
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
        question, asked = {"claim_key": key, "wait": CLAIM_WAIT}, now()
        answer = self.session.call("/workers/me/claims", question, timeout=CLAIM_WAIT + 10)
        self.standing.notice_version(answer)
        if answer.get("run"):
            attempt = Attempt(self.session, read(answer["run"]), claimed_at=asked, deadline=deadline(answer["run"]))
            # The question may have been parked for as long as a lease lives, and the answer may have waited for us:
            # then only a renewal that is sent now tells whether the run is still ours.
            if now() - asked > self.session.lease_seconds * FRESH:
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
                self.standing.rung.set()

        say(f"run {attempt.run} attempt {attempt.number}: {attempt.specification.action}")
        thread = threading.Thread(target=work, name=f"run {attempt.run}", daemon=True)
        self.threads = [*(thread for thread in self.threads if thread.is_alive()), thread]
        thread.start()

    def renewing(self) -> None:
        """The heartbeat, also without runs. What is not answered for is given up by `guarding`."""
        while not self.stop.is_set():
            with self.lock:
                attempts = list(self.attempts)
            self.standing.survive(partial(self._renew, attempts))
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
        self.standing.notice_version(answer)
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
                    # Beside us: a supervisor that is silent keeps nobody else's run alive.
                    threading.Thread(target=self._end_jobs, args=(attempt,), name="ending", daemon=True).start()
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
                self.standing.survive(partial(attempt.log.send_all, self.session))


def deadline(run: dict[str, Any]) -> float:
    """When the whole run must be over, on our own clock: the control plane's may differ from this machine's."""
    try:
        left = datetime.fromisoformat(str(run["deadline_at"])) - datetime.now(UTC)
    except (KeyError, TypeError, ValueError):
        return float("inf")
    return now() + max(60.0, left.total_seconds())
