"""Taking an environment away: its workers first, then all that was made for it, step by step."""

from collections.abc import Sequence
from functools import partial

from django.db.models.functions import Now

from environments import hosts, worker_tokens
from environments.doing import conclusions
from environments.doing.progress import Progress, Step
from environments.doing.provisioners import driver_of, presence
from environments.models import UNFINISHED, Endpoint, Environment, Phase, Run, ServiceLogChunk
from environments.runs import sessions
from projects import access, events

# How long control runs that were asked to stop may take until they are ended over their heads, in seconds.
PATIENCE = 15.0


def plan(run: Run) -> Sequence[Step]:
    assert run.environment_id is not None
    environment = Environment.objects.select_related("host", "organization").get(pk=run.environment_id)
    services = Step("Services", partial(presence.await_workers_gone, environment), 60)
    force = bool(run.specification.get("force"))
    # A host that is gone cannot be worked on from elsewhere: only its rows can be let go.
    out_of_reach = force and environment.host_id is not None and run.host_id != environment.host_id
    return [
        *([] if force else [services]),
        Step("Credentials", partial(_revoke, environment), 30),
        Step("Work", partial(_end_work, environment, run), 60),
        Step("Output", partial(_forget_output, environment), 60),
        *(
            [Step("Host", partial(_let_go, environment), 20)]
            if out_of_reach
            else driver_of(environment).terminate(environment)
        ),
    ]


@events.operation
def _revoke(environment: Environment, progress: Progress) -> None:
    ended = sessions.end_all(environment, by=access.system(environment.organization))
    worker_tokens.revoke(environment)
    progress.say(f"The worker tokens are revoked, {ended} session(s) ended.")


def _end_work(environment: Environment, run: Run, progress: Progress) -> None:
    """Nobody can report on these runs any more."""
    left = Run.objects.filter(environment=environment, phase__in=UNFINISHED).exclude(pk=run.pk).order_by("created_at")
    ours = left.filter(carried_by=Run.CarriedBy.CONTROL, phase=Phase.RUNNING)
    enough = progress.seconds_left - PATIENCE
    # They were asked to stop. Ended over its head, one could still make what the next steps take away.
    progress.wait_for(lambda: not ours.exists() or progress.seconds_left < enough)
    ended = 0
    for other in left:
        progress.check()
        conclusions.abandon(other.pk, outcome=Phase.CANCELLED, reason=f"{environment.title} was deleted.")
        progress.say(f"Run {other} is cancelled.")
        ended += 1
    if not ended:
        progress.say("No run is left.")


def _let_go(environment: Environment, progress: Progress) -> None:
    assert environment.host is not None
    freed = Endpoint.objects.filter(environment=environment, released_at=None).update(released_at=Now())
    hosts.removed(environment)
    progress.say(
        f"{environment.host.name} is gone: {freed} address(es) are free, and what is in {environment.directory} there "
        "stays."
    )


def _forget_output(environment: Environment, progress: Progress) -> None:
    """Nobody can read any more what its services wrote."""
    ServiceLogChunk.objects.filter(environment=environment).delete()
    progress.say("What its services wrote is deleted.")
