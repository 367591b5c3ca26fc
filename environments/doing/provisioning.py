"""Making, starting and stopping an environment: the steps of such a run, and what its end means for the state."""

from collections.abc import Sequence

from django.db import IntegrityError, transaction
from django.db.models.functions import Coalesce, Now

from environments import hosts, states
from environments.doing.progress import Step, Unwanted
from environments.doing.provisioners import driver_of
from environments.models import Environment, Phase, Run, RunKind, Slot, State
from environments.runs import desires, queue
from projects import access, events
from projects.access import Actor

# An environment may take long to come up; what takes longer than this is stuck.
TIMEOUT = 1800


@events.operation
def plan(run: Run) -> Sequence[Step]:
    """What this run has to do, decided when an attempt begins."""
    environment = _locked(run)
    if environment.state == State.TERMINATING:
        raise Unwanted(f"{environment.title} is being terminated.")
    if environment.state == State.PENDING:
        states.move(environment, State.PROVISIONING, by=access.system(run.organization))
    driver = driver_of(environment)
    if run.kind == RunKind.STOP:
        return driver.stop(environment)
    if run.kind == RunKind.START:
        return driver.start(environment)
    return driver.provision(environment, rest=bool(run.specification.get("rest")))


@events.operation
def concluded(run: Run, outcome: Phase | str, reason: str = "") -> None:
    """Called by the run's conclusion alone, in the transaction that ends the run."""
    environment, by = _locked(run), access.system(run.organization)
    done = Phase(outcome) is Phase.SUCCEEDED
    if run.kind == RunKind.TERMINATE:
        _terminated(environment, by) if done else _came_back(environment, by, reason)
    elif environment.state == State.TERMINATING:
        # Deletion was asked while this was on its way and had to wait for its end.
        enqueue(environment, RunKind.TERMINATE, by=by, force=bool(run.specification.get("force")))
    elif not done:
        states.move(environment, State.ERROR, by=by, reason=reason or "It was given up.")
    elif run.kind == RunKind.STOP or run.specification.get("rest"):
        states.move(environment, State.STOPPED, by=by, provisioned_at=Coalesce("provisioned_at", Now()))
    else:
        states.move(environment, State.RUNNING, by=by, provisioned_at=Coalesce("provisioned_at", Now()))
    follow_wish(environment, by=by)
    desires.raise_version(environment.id)


def follow_wish(environment: Environment, *, by: Actor) -> None:
    """A wish that was uttered while something else was under way is taken up at that one's end."""
    wanted = environment.wanted
    if environment.state == State.RUNNING and wanted == Environment.Wanted.INACTIVE:
        states.move(environment, State.STOPPING, by=by)
        enqueue(environment, RunKind.STOP, by=by)
    elif environment.state == State.STOPPED and wanted == Environment.Wanted.ACTIVE:
        states.move(environment, State.PROVISIONING, by=by)
        enqueue(environment, RunKind.START, by=by)


def enqueue(environment: Environment, kind: RunKind, *, by: Actor, force: bool = False) -> Run:
    """Write down work on the environment itself. `rest`: leave it stopped when all is done.

    A termination by `force` turns its workers away first, and does not wait for a host that is gone.
    """
    gone = force and environment.host is not None and hosts.gone(environment.host)
    rest = environment.wanted == Environment.Wanted.INACTIVE
    return queue.enqueue(
        kind=kind,
        by=by,
        organization=environment.organization,
        environment=environment,
        # What was made on one machine is changed by that machine's control workers alone.
        host=None if gone else environment.host,
        timeout_seconds=TIMEOUT,
        specification={"rest": rest, "force": True} if force else {"rest": rest},
    )


def _terminated(environment: Environment, by: Actor) -> None:
    Slot.objects.filter(environment=environment).update(
        target=None, live=None, observed=None, services=[], condition=Slot.Condition.OK, condition_reason=""
    )
    Environment.objects.filter(pk=environment.pk).update(terminated_at=Now(), updated_at=Now())
    environment.refresh_from_db()
    events.record(
        "environment.terminated",
        by=by,
        object={"kind": "environment", "id": environment.id, "name": environment.title},
        project_id=environment.project_id,
        environment_id=environment.id,
    )


def _came_back(environment: Environment, by: Actor, reason: str) -> None:
    """A termination that failed is nobody's secret: the environment is there again, under another name if need be."""
    reason = f"It could not be terminated: {reason or 'it was given up.'}"
    name, known = environment.name, environment.id.hex
    # Nobody can take the last of these by chance, and none of more than 100 characters on purpose.
    for free in (name, *(f"{name}-{known[:length]}" for length in range(8, len(known) + 1))):
        try:
            with transaction.atomic():
                states.move(environment, State.ERROR, by=by, reason=reason, deleted_at=None, name=free)
            return
        except IntegrityError:
            environment.refresh_from_db()
    raise RuntimeError(f"Every name that {name} could come back under is taken.")


def _locked(run: Run) -> Environment:
    assert run.environment_id is not None
    return (
        Environment.objects.select_for_update(no_key=True, of=("self",))
        .select_related("organization", "host")
        .get(pk=run.environment_id)
    )
