"""How the worker stands with the control plane: let in, refused, replaced, or told that the environment is gone."""

from collections.abc import Callable
from threading import Event, Lock

from towpath.worker import starting, storage
from towpath.worker.control_plane import EnvironmentTerminated, NotWelcome, Refused, Superseded, Unreachable
from towpath.worker.journal import say
from towpath.worker.session import Session
from towpath.worker.worksite import Worksite

ENDED, NOT_LET_IN, SUPERSEDED = 0, 1, 3


class Standing:
    """What every loop asks the control plane through, so that each answer has the same consequence everywhere."""

    def __init__(self, session: Session, worksite: Worksite) -> None:
        self.session = session
        self.worksite = worksite
        self.stop = worksite.stopping
        self.rung = Event()  # what is desired has changed
        self.desired_version = -1
        self.exit_code = ENDED
        self.reason = "stopped"
        self.terminated = False
        self._terminating = Lock()

    def end(self, reason: str, exit_code: int = ENDED) -> None:
        self.reason, self.exit_code = reason, exit_code
        self.stop.set()
        self.rung.set()

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

    def _gives_up(self, refusal: Refused) -> bool:
        """A person who has just typed the command is told; a worker that was let in before goes on asking."""
        if self.worksite.host.builtin or self.session.known_before:
            return False
        self.end(f"the control plane does not let this worker in: {refusal}", NOT_LET_IN)
        return True

    def terminate(self) -> None:
        """410: the only word upon which services are stopped for good."""
        with self._terminating:
            if self.terminated:
                return
            say("the environment is terminated: stopping its services")
            starting.end_everything(self.worksite, forget=True)
            # What weighs the disk takes itself away at its end; held from now on, so that nothing begins any more.
            self.worksite.weighing.acquire(timeout=storage.LONGEST)
            self.terminated = True
            self.end("environment terminated")
