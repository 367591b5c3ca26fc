"""Carry out one claimed run, whatever it is, and say how it ended."""

import traceback
from contextlib import nullcontext

from towpath.worker.attempts import Attempt, Cancelled, Errored, Failed, LeaseLost
from towpath.worker.control_plane import Refused
from towpath.worker.deploying import deploy
from towpath.worker.endpoints import Endpoints
from towpath.worker.errands import run_errand
from towpath.worker.journal import say
from towpath.worker.removing import remove
from towpath.worker.restarting import restart
from towpath.worker.supervisors import SupervisorAway
from towpath.worker.worksite import Worksite


def perform(worksite: Worksite, endpoints: Endpoints, attempt: Attempt) -> None:
    """Never raises. A lost attempt ends without a word: somebody else speaks for the run now."""
    specification = attempt.specification
    # An errand is about no app, and waits for none.
    errand = specification.action == "errand"
    try:
        with nullcontext() if errand else worksite.turn(specification.app, wait=attempt.check):
            outcome, reason, last_lines = carry_out(worksite, endpoints, attempt)
            if outcome != "succeeded":
                attempt.sealed = True  # a conclusion is not interrupted by a wish to cancel
                conclude(attempt, outcome, reason, last_lines)
    except (LeaseLost, Cancelled):
        return


def conclude(attempt: Attempt, outcome: str, reason: str, last_lines: list[str]) -> None:
    """The run must end, or it would be done once more: where its words are refused, without them."""
    try:
        attempt.conclude(outcome, reason, last_lines)
    except Refused as refusal:
        say(f"run {attempt.run}: its end was refused: {refusal}")
        attempt.conclude(outcome, f"It {outcome}; what it said last was refused: {refusal}")


def carry_out(worksite: Worksite, endpoints: Endpoints, attempt: Attempt) -> tuple[str, str, list[str]]:
    try:
        match attempt.specification.action:
            case "deploy":
                deploy(worksite, endpoints, attempt)
            case "remove":
                remove(worksite, endpoints, attempt)
            case "restart":
                restart(worksite, attempt)
            case "errand":
                run_errand(worksite, attempt)
            case other:
                return "errored", f"This worker does not know how to {other}; it may be too old", []
    except Failed as failure:
        return "failed", str(failure), failure.last_lines
    except Cancelled:
        return "cancelled", "", []
    except LeaseLost:
        raise
    except (Errored, SupervisorAway) as error:
        return "errored", str(error), []
    except Exception as error:  # the run must end with a reason, whatever went wrong here
        attempt.note(traceback.format_exc())
        return "errored", f"The worker could not do it: {type(error).__name__}: {error}", []
    return "succeeded", "", []
