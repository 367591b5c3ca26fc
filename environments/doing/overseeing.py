"""Environments that got stuck between two states because the work that should have moved them is nowhere."""

import logging
import time
import uuid
from collections.abc import Callable
from datetime import timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce, Now

from environments import hosts, states
from environments.doing import conclusions, provisioning, sweeping
from environments.doing.progress import Progress
from environments.doing.provisioners import driver_of
from environments.models import (
    LIFECYCLE_KINDS,
    UNFINISHED,
    DeploymentKind,
    Environment,
    Phase,
    Run,
    RunKind,
    State,
    Worker,
)
from environments.runs import desires, queue
from projects import access, events

logger = logging.getLogger(__name__)

# Longer than the moment between a run's end and the next one's beginning.
PATIENCE = timedelta(seconds=20)
_PATIENCE = f"{hosts.GONE_AFTER.seconds // 60} minutes"
BETWEEN = (State.PENDING, State.PROVISIONING, State.STOPPING, State.TERMINATING)


def unstick() -> None:
    """Every state in between has a way out: a run that carries it on, or an error that says why there is none."""
    working = Run.objects.filter(environment=OuterRef("pk"), kind__in=LIFECYCLE_KINDS, phase__in=UNFINISHED)
    stuck = Environment.objects.filter(state__in=BETWEEN, terminated_at=None, state_changed_at__lt=Now() - PATIENCE)
    sweeping.each(stuck.filter(~Exists(working)).values_list("pk", flat=True)[:50], _free)
    # Work that only one machine can do waits for it a while, not for ever.
    sweeping.each(_of_lost_hosts().order_by("created_at").values_list("pk", flat=True)[:50], _give_up)
    sweeping.each(_removals_of_lost_hosts().order_by("created_at").values_list("pk", flat=True)[:50], _end_removal)


def _of_lost_hosts() -> QuerySet[Run]:
    long_ago = Now() - hosts.GONE_AFTER
    waiting = Run.objects.filter(phase=Phase.QUEUED, carried_by=Run.CarriedBy.CONTROL, created_at__lt=long_ago)
    return waiting.filter(host__lease_until__lt=long_ago)


@events.operation
def _give_up(run_id: uuid.UUID) -> None:
    run = conclusions.locked(run_id)
    if not _of_lost_hosts().filter(pk=run_id).exists():
        return
    reason = f"The host {run.host.name if run.host else ''} has not been heard of for more than {_PATIENCE}."
    if run.kind == RunKind.TERMINATE:
        if run.specification.get("force"):
            queue.let_go(run)
            return
        reason += " Delete the environment with force to give up what is on it."
    conclusions.abandon(run_id, reason=reason)


def _removals_of_lost_hosts() -> QuerySet[Run]:
    """Removals on machines of their own whose workers were all noted as lost, or left, long enough ago.

    Noted: while the control plane was away itself nobody could be heard of.
    """
    long_ago = Now() - hosts.GONE_AFTER
    last = Coalesce("lost_at", "ended_at")
    workers = Worker.objects.annotate(last=last).filter(host=OuterRef("host"), environment=OuterRef("environment"))
    heard_of = workers.filter(Q(last=None) | Q(last__gt=long_ago))
    waiting = Run.objects.filter(phase=Phase.QUEUED, deployment__kind=DeploymentKind.REMOVAL, created_at__lt=long_ago)
    return waiting.filter(~Exists(heard_of), host__organization__isnull=False, environment__state=State.RUNNING)


@events.operation
def _end_removal(run_id: uuid.UUID) -> None:
    run = conclusions.locked(run_id)
    if not _removals_of_lost_hosts().filter(pk=run_id).exists():
        return
    assert run.host is not None and run.app is not None
    reason = (
        f"No worker on {run.host.name} has been heard of for more than {_PATIENCE}: {run.app.name} is taken off "
        "without it. Its addresses are free; if the machine comes back, it stops what it still runs of it."
    )
    conclusions.abandon(run_id, outcome=Phase.SUCCEEDED, reason=reason)


@events.operation
def _free(identity: uuid.UUID) -> None:
    environment = Environment.objects.select_for_update(no_key=True).get(pk=identity)
    by = access.system(environment.organization)
    unfinished = Run.objects.filter(environment=environment, kind__in=LIFECYCLE_KINDS, phase__in=UNFINISHED)
    if environment.state not in BETWEEN or environment.terminated_at or unfinished.exists():
        return
    if environment.state == State.TERMINATING:
        before = Run.objects.filter(environment=environment, kind__in=LIFECYCLE_KINDS).order_by("-number").first()
        force = bool(before and before.specification.get("force"))
        provisioning.enqueue(environment, RunKind.TERMINATE, by=by, force=force)
        return
    doing = State(environment.state).label.lower()
    states.move(environment, State.ERROR, by=by, reason=f"It was {doing}, but nothing was at work on it any more.")
    desires.raise_version(environment.id)


def bring_up_to_date() -> None:
    """When an installation starts: its address, its users and its interpreter may have changed since it stopped."""
    try:
        here = hosts.local()
    except hosts.NoHost:
        return
    # Several installations may share a database: what lives on another machine is that one's to bring up.
    settled = Environment.objects.filter(
        provisioner="process", host=here, state__in=[State.RUNNING, State.ERROR], deleted_at=None
    )
    for environment in settled.select_related("host", "organization").iterator():
        progress = Progress(_journal(environment), time.monotonic() + 60)
        try:
            driver_of(environment).refresh(environment, progress)
        except Exception:
            logger.exception("%s could not be brought up to date", environment.name)


def _journal(environment: Environment) -> Callable[[str, str], None]:
    return lambda text, stream: logger.info("%s: %s", environment.name, text)
