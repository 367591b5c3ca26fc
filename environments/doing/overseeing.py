"""Environments that got stuck between two states because the work that should have moved them is nowhere."""

import logging
import time
import uuid
from collections.abc import Callable
from datetime import timedelta

from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from environments import hosts, states
from environments.doing import conclusions, provisioning
from environments.doing.progress import Progress
from environments.doing.provisioners import driver_of
from environments.models import LIFECYCLE_KINDS, UNFINISHED, Environment, Phase, Run, RunKind, State
from environments.runs import desires
from projects import access, events

logger = logging.getLogger(__name__)

# Longer than the moment between a run's end and the next one's beginning.
PATIENCE = timedelta(seconds=20)
HOST_PATIENCE = timedelta(minutes=10)
BETWEEN = (State.PENDING, State.PROVISIONING, State.STOPPING, State.TERMINATING)


def unstick() -> None:
    """Every state in between has a way out: a run that carries it on, or an error that says why there is none."""
    working = Run.objects.filter(environment=OuterRef("pk"), kind__in=LIFECYCLE_KINDS, phase__in=UNFINISHED)
    stuck = Environment.objects.filter(state__in=BETWEEN, terminated_at=None, state_changed_at__lt=Now() - PATIENCE)
    for identity in stuck.filter(~Exists(working)).values_list("pk", flat=True)[:50]:
        try:
            _free(identity)
        except Exception:
            logger.exception("Environment %s stays stuck; it is tried again", identity)
    _give_up_on_lost_hosts()


def _give_up_on_lost_hosts() -> None:
    """Work that only one machine can do waits for it a while, not for ever."""
    waiting = Run.objects.filter(
        phase=Phase.QUEUED,
        carried_by=Run.CarriedBy.CONTROL,
        host__lease_until__lt=Now() - HOST_PATIENCE,
        created_at__lt=Now() - HOST_PATIENCE,
    ).select_related("host")
    for run in waiting[:50]:
        name = run.host.name if run.host else ""
        reason = f"The host {name} has not been heard of for more than {HOST_PATIENCE.seconds // 60} minutes."
        conclusions.abandon(run.pk, reason=reason)


@events.operation
def _free(identity: uuid.UUID) -> None:
    environment = Environment.objects.select_for_update(no_key=True).get(pk=identity)
    by = access.system(environment.organization)
    unfinished = Run.objects.filter(environment=environment, kind__in=LIFECYCLE_KINDS, phase__in=UNFINISHED)
    if environment.state not in BETWEEN or environment.terminated_at or unfinished.exists():
        return
    if environment.state == State.TERMINATING:
        provisioning.enqueue(environment, RunKind.TERMINATE, by=by)
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
