"""Deleting an environment: accepted at once, carried out step by step."""

from contextlib import suppress

from django.utils import timezone

from environments import states, tasks
from environments.doing import conclusions
from environments.lifecycle.changes import check_manage
from environments.lifecycle.creation import enqueue
from environments.lifecycle.wishes import Terminating, check_nothing_in_flight
from environments.models import LIFECYCLE_KINDS, UNFINISHED, Environment, Phase, Run, RunKind, StageEnvironment, State
from environments.resolving import inheritance, scopes
from environments.runs import cancel, desires, queue
from projects import events
from projects.access import Actor
from projects.errors import Conflict


class Kept(Conflict):
    code = "kept"


@events.operation
def delete(environment: Environment, *, by: Actor, force: bool = False) -> None:
    """From now on its name is free and its workers get no more work; what it has is given back step by step.

    `force` interrupts what is in flight, turns the workers away before their services have stopped, and where the
    environment's host is gone gives up what is on it.
    """
    environment = Environment.objects.select_for_update(no_key=True).get(pk=environment.pk)
    check_manage(environment, by=by)
    check_deletable(environment, by=by)
    if not force:
        check_nothing_in_flight(environment, by=by)
    states.move(environment, State.TERMINATING, by=by, deleted_at=timezone.now())
    reason = f"{environment.title} was deleted."
    for run in Run.objects.filter(environment=environment, phase__in=UNFINISHED):
        if force and run.kind in LIFECYCLE_KINDS:
            queue.insist(run)
        # What is past its point of no return ends with the worker that carries it.
        with suppress(cancel.Sealed):
            cancel.ask(run, by=by, reason=reason)
        if run.kind in LIFECYCLE_KINDS and run.phase == Phase.QUEUED:
            conclusions.settle(run.pk)
    on_its_way = Run.objects.filter(environment=environment, kind__in=LIFECYCLE_KINDS, phase__in=UNFINISHED).first()
    if on_its_way is None:
        enqueue(environment, RunKind.TERMINATE, by=by, force=force)
    elif on_its_way.kind == RunKind.TERMINATE:
        tasks.ring(on_its_way)
    # Otherwise what is being made stops first; its end queues the termination.
    desires.raise_version(environment.id)


def check_deletable(environment: Environment, *, by: Actor) -> None:
    """Raise Kept with what to lift first; what the actor does not see is not named."""
    if environment.deleted_at:
        raise Terminating(f"{environment.title} is being terminated already.")
    if environment.is_default:
        raise Kept(f"{environment.title} is the environment the organization began with; it cannot be deleted.")
    if environment.protected:
        raise Kept(f"{environment.title} is protected; lift the protection first.")
    if heirs := Environment.objects.filter(based_on=environment, deleted_at=None):
        named = min((inheritance.title(one, by=by) for one in heirs), key=scopes.ANOTHER.__eq__)
        raise Kept(
            f"{environment.title} hands its configuration down to {named}, which is based on it; base that on another "
            "one first."
        )
    place = StageEnvironment.objects.filter(environment=environment).select_related("chain", "stage").first()
    if place:
        shown = by.sees(project_id=place.chain.project_id)
        where = f"stage {place.stage.name} of the chain {place.chain.name}" if shown else "a chain that you do not see"
        raise Kept(f"{environment.title} stands in {where}; take it out of the chain first.")
