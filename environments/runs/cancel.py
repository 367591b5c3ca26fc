"""Somebody asks a run to stop; refused once the point of no return is passed."""

from django.db.models.functions import Coalesce

from environments.models import UNFINISHED, Run
from environments.runs.clock import ClockTime
from projects.access import Actor
from projects.errors import Conflict


class Sealed(Conflict):
    code = "sealed"


class Finished(Conflict):
    code = "finished"


def ask(run: Run, *, by: Actor, reason: str = "") -> None:
    """Note the wish. Its holder learns of it with its next word; a run still in the queue cannot be claimed any more.

    Asking twice changes nothing. The wish meets `seal` on the row: one of the two comes first.
    """
    noted = Run.objects.filter(pk=run.pk, phase__in=UNFINISHED, sealed_at__isnull=True).update(
        cancel_asked_at=Coalesce("cancel_asked_at", ClockTime()), cancel_asked_by=by.label
    )
    run.refresh_from_db()
    if not noted:
        check(run)


def check(run: Run) -> None:
    """Raise Finished or Sealed where there is nothing left to stop."""
    if run.phase not in UNFINISHED:
        raise Finished(f"Run {run} has already {_ENDED[run.phase]}.")
    if run.sealed_at is not None:
        raise Sealed(f"Run {run} is past the point of no return; it can only go forward now.")


_ENDED = {
    "succeeded": "succeeded",
    "failed": "failed",
    "errored": "ended with an error",
    "cancelled": "been cancelled",
}
