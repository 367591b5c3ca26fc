"""The states of an environment: what the table offers is what the rooms do, each of it and nothing else."""

from collections.abc import Callable

import pytest

from environments import lifecycle, states
from environments.doing import conclusions, provisioning
from environments.models import Environment, Run, RunKind, State
from environments.runs import claim
from projects import events
from projects.access import Actor
from tests import builders

pytestmark = pytest.mark.django_db
S = State


def work(environment: Environment) -> Run:
    return Run.objects.get(environment=environment, phase__in=("queued", "running"))


def begin(environment: Environment, by: Actor) -> None:
    claimed = claim.by_control("test", work(environment).pk)
    assert claimed is not None
    if claimed.kind != RunKind.TERMINATE:
        provisioning.plan(claimed)


def succeed(environment: Environment, by: Actor) -> None:
    run = work(environment)
    conclusions.finish(run.pk, run.attempt, "test", "succeeded")


def fail(environment: Environment, by: Actor) -> None:
    conclusions.abandon(work(environment).pk, reason="no luck")


def start(environment: Environment, by: Actor) -> None:
    lifecycle.start(environment, by=by)


def stop(environment: Environment, by: Actor) -> None:
    lifecycle.stop(environment, by=by)


def stopped(environment: Environment, by: Actor) -> None:
    begin(environment, by)
    succeed(environment, by)


def delete(environment: Environment, by: Actor) -> None:
    lifecycle.delete(environment, by=by)


Act = Callable[[Environment, Actor], None]
# How an environment comes from one state to another: the rooms that do it.
WAYS: dict[tuple[State, State], Act] = {
    (S.PENDING, S.PROVISIONING): begin,
    (S.PENDING, S.TERMINATING): delete,
    (S.PENDING, S.ERROR): fail,
    (S.PROVISIONING, S.RUNNING): succeed,
    (S.PROVISIONING, S.STOPPED): succeed,  # created inactive
    (S.PROVISIONING, S.ERROR): fail,
    (S.PROVISIONING, S.TERMINATING): delete,
    (S.RUNNING, S.STOPPING): stop,
    (S.RUNNING, S.TERMINATING): delete,
    (S.STOPPING, S.STOPPED): stopped,
    (S.STOPPING, S.ERROR): fail,
    (S.STOPPING, S.TERMINATING): delete,
    (S.STOPPED, S.PROVISIONING): start,
    (S.STOPPED, S.TERMINATING): delete,
    (S.ERROR, S.PROVISIONING): start,
    (S.ERROR, S.TERMINATING): delete,
    (S.TERMINATING, S.ERROR): fail,
}
# From the beginning to each state.
LINES: dict[State, list[Act]] = {
    S.PENDING: [],
    S.PROVISIONING: [begin],
    S.RUNNING: [begin, succeed],
    S.STOPPING: [begin, succeed, stop],
    S.STOPPED: [begin, succeed, stop, stopped],
    S.ERROR: [begin, fail],
    S.TERMINATING: [begin, succeed, delete],
}


def at(state: State, by: Actor, *, status: str = "active") -> Environment:
    environment = lifecycle.create(by=by, name="here", provisioner="external", status=status)
    for act in LINES[state]:
        act(environment, by)
        environment.refresh_from_db()
    assert environment.state == state
    return environment


@pytest.mark.parametrize(("source", "target"), states.ALLOWED, ids=lambda state: str(state))
def test_what_is_offered_is_done(source: State, target: State) -> None:
    by = builders.owner_of(builders.organization())
    inactive = (source, target) == (S.PROVISIONING, S.STOPPED)
    environment = at(source, by, status="inactive" if inactive else "active")

    WAYS[source, target](environment, by)

    environment.refresh_from_db()
    assert environment.state == target


def test_what_is_not_offered_is_refused() -> None:
    by = builders.owner_of(builders.organization())
    environment = at(S.RUNNING, by)
    for target in (S.PENDING, S.STOPPED, S.SLEEPING, S.HIBERNATING, S.ERROR):
        with pytest.raises(states.WrongState, match="cannot become"):
            events.operation(states.move)(environment, target, by=by, reason="for no reason")
