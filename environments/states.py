"""THE place that changes an environment's state: the transition table and `move()`."""

from dataclasses import dataclass
from typing import Any

from django.db.models.functions import Now

from environments.models import Environment, State
from projects import events
from projects.access import Actor
from projects.errors import Conflict


@dataclass(frozen=True)
class Transition:
    """From one state to another. `offered` is false while nothing in the product can ask for it yet."""

    source: State
    target: State
    why: str
    offered: bool = True


TRANSITIONS: tuple[Transition, ...] = (
    Transition(State.PENDING, State.PROVISIONING, "a control worker claimed the provision run"),
    Transition(State.PENDING, State.TERMINATING, "deletion was asked before anything was made"),
    Transition(State.PENDING, State.ERROR, "provisioning could not begin"),
    Transition(State.PROVISIONING, State.RUNNING, "every step succeeded"),
    Transition(State.PROVISIONING, State.STOPPED, "every step succeeded and the wish is inactive"),
    Transition(State.PROVISIONING, State.ERROR, "a step failed or timed out"),
    Transition(State.PROVISIONING, State.TERMINATING, "deletion was asked meanwhile"),
    Transition(State.RUNNING, State.STOPPING, "a stop was asked"),
    Transition(State.RUNNING, State.TERMINATING, "deletion was asked"),
    Transition(State.STOPPING, State.STOPPED, "every service and worker has stopped"),
    Transition(State.STOPPING, State.ERROR, "stopping failed or timed out"),
    Transition(State.STOPPING, State.TERMINATING, "deletion was asked meanwhile"),
    Transition(State.STOPPED, State.PROVISIONING, "a start was asked"),
    Transition(State.STOPPED, State.TERMINATING, "deletion was asked"),
    Transition(State.ERROR, State.PROVISIONING, "a retry was asked"),
    Transition(State.ERROR, State.TERMINATING, "deletion was asked"),
    Transition(State.TERMINATING, State.ERROR, "the termination failed"),
    Transition(State.RUNNING, State.ERROR, "the environment was lost", offered=False),
    Transition(State.RUNNING, State.SLEEPING, "nothing asked for it for a while", offered=False),
    Transition(State.SLEEPING, State.RUNNING, "a request woke it", offered=False),
    Transition(State.SLEEPING, State.STOPPING, "a stop was asked", offered=False),
    Transition(State.SLEEPING, State.TERMINATING, "deletion was asked", offered=False),
    Transition(State.RUNNING, State.HIBERNATING, "hibernation was asked", offered=False),
    Transition(State.HIBERNATING, State.PROVISIONING, "a start was asked", offered=False),
    Transition(State.HIBERNATING, State.ERROR, "its saved state was lost", offered=False),
    Transition(State.HIBERNATING, State.TERMINATING, "deletion was asked", offered=False),
)
ALLOWED = {(t.source, t.target): t for t in TRANSITIONS if t.offered}

# The outward view of a state in the REST API; a running environment is `active` once a worker is alive.
STATUS = {
    State.PENDING: "provisioning",
    State.PROVISIONING: "provisioning",
    State.RUNNING: "ready",
    State.SLEEPING: "inactive",
    State.HIBERNATING: "inactive",
    State.STOPPING: "inactive",
    State.STOPPED: "inactive",
    State.TERMINATING: "inactive",
    State.ERROR: "error",
}


def status(state: str, *, workers_alive: int) -> str:
    """One of provisioning, ready, active, inactive, error (source: seed 000)."""
    if state == State.RUNNING and workers_alive:
        return "active"
    return STATUS[State(state)]


class WrongState(Conflict):
    code = "wrong-state"


def move(environment: Environment, target: State, *, by: Actor, reason: str = "", **fields: Any) -> None:
    """Change the state by a conditional UPDATE and record it; WrongState where the table does not allow it.

    `fields` are other columns changed in the same statement. `reason` becomes `error_message` in `error`, where it
    is required; every other state clears it.
    """
    source = State(environment.state)
    if (source, target) not in ALLOWED:
        raise WrongState(f"{environment.title} is {source.label.lower()}; it cannot become {target.label.lower()} now.")
    if target is State.ERROR and not reason:
        raise ValueError("An error needs its reason.")
    fields |= {"error_message": reason if target is State.ERROR else "", "state": target}
    moved = Environment.objects.filter(pk=environment.pk, state=source).update(
        **fields, state_changed_at=Now(), updated_at=Now()
    )
    if not moved:
        raise WrongState(f"{environment.title} was changed by somebody else just now; look again.")
    environment.refresh_from_db()
    events.record(
        f"environment.{_VERBS[target]}",
        by=by,
        object={"kind": "environment", "id": environment.id, "name": environment.title},
        project_id=environment.project_id,
        environment_id=environment.id,
        # For what hangs on the state alone: the environment's own subject is told of all that happens in it.
        subjects=[f"state:{environment.id}"],
        reason=reason,
        from_state=source.value,
    )


_VERBS = {
    State.PENDING: "queued",
    State.PROVISIONING: "provisioning_started",
    State.RUNNING: "became_ready",
    State.SLEEPING: "fell_asleep",
    State.HIBERNATING: "hibernated",
    State.STOPPING: "stopping_started",
    State.STOPPED: "stopped",
    State.ERROR: "failed",
    State.TERMINATING: "terminating_started",
}
