"""Starting, stopping and retrying: an operator's wish about an environment, written down and queued."""

from django.utils import timezone

from environments import states, tasks
from environments.lifecycle.creation import enqueue
from environments.lifecycle.lookup import check_own
from environments.models import ERRAND_KINDS, LIFECYCLE_KINDS, UNFINISHED, Environment, Phase, Run, RunKind, State
from environments.runs import desires, queue
from projects import access, events
from projects.access import Actor, Permission
from projects.errors import Conflict

Wanted = Environment.Wanted


class Terminating(Conflict):
    code = "terminating"


class InFlight(Conflict):
    code = "in-flight"


@events.operation
def start(environment: Environment, *, by: Actor) -> Environment:
    """Bring the environment and its live releases up; nothing happens where it is up or on its way."""
    environment = _locked(environment, by)
    _wish(environment, Wanted.ACTIVE)
    if environment.state == State.ERROR:
        return retry(environment, by=by)
    if environment.state == State.STOPPED:
        states.move(environment, State.PROVISIONING, by=by, reason="")
        enqueue(environment, RunKind.START, by=by)
        desires.raise_version(environment.id)
    # On its way down: when it has stopped, the wish is seen and it starts again.
    return environment


@events.operation
def stop(environment: Environment, *, by: Actor) -> Environment:
    """Stop every service and the built-in worker; the environment keeps what it has."""
    environment = _locked(environment, by)
    check_nothing_in_flight(environment, by=by)
    if environment.state == State.ERROR and environment.wanted != Wanted.INACTIVE:
        raise states.WrongState(f"{environment.title} is in error; retry or delete it.")
    _wish(environment, Wanted.INACTIVE)
    if environment.state == State.RUNNING:
        states.move(environment, State.STOPPING, by=by, reason="")
        enqueue(environment, RunKind.STOP, by=by)
        desires.raise_version(environment.id)
    # On its way up: when it is up, the wish is seen and it stops again.
    return environment


@events.operation
def retry(environment: Environment, *, by: Actor) -> Environment:
    """Continue a failed provisioning at the step that was open; after any other failure make everything sound again."""
    environment = _locked(environment, by)
    check_retry(environment)
    states.move(environment, State.PROVISIONING, by=by, reason="")
    last = _last_run(environment)
    if last and last.kind == RunKind.PROVISION and last.phase != Phase.SUCCEEDED:
        queue.requeue(last)
        tasks.ring(last)
    else:
        enqueue(environment, RunKind.PROVISION, by=by)
    return environment


def check_retry(environment: Environment) -> None:
    """Raise WrongState where nothing has failed."""
    if environment.state != State.ERROR:
        raise states.WrongState(f"{environment.title} is {environment.get_state_display().lower()}, not in error.")


def check_nothing_in_flight(environment: Environment, *, by: Actor) -> None:
    """Raise InFlight while something is being deployed or run here, naming it to those who see it."""
    run = (
        Run.objects.filter(environment=environment, kind=RunKind.DEPLOY, phase__in=UNFINISHED)
        .select_related("app", "deployment__release")
        .order_by("created_at")
        .first()
    )
    if run and run.app and not by.sees(project_id=run.app.project_id, environment_id=environment.pk):
        raise InFlight(f"A deployment that you do not see is in flight in {environment.title}; wait for its end.")
    if run and run.app and run.deployment:
        version = run.deployment.release.version if run.deployment.release else ""
        raise InFlight(
            f"{' '.join(filter(None, [run.deployment.kind, run.app.name, version]))} (run #{run.number}) is in flight "
            f"in {environment.title}; wait for it or cancel it first."
        )
    errand = Run.objects.filter(environment=environment, kind__in=ERRAND_KINDS, phase__in=UNFINISHED)
    if begun := errand.order_by("created_at").first():
        if not by.sees(project_id=begun.project_id, environment_id=environment.pk):
            raise InFlight(f"A run that you do not see is in flight in {environment.title}; wait for its end.")
        raise InFlight(
            f"The {begun.kind} {begun.specification['name']} (run #{begun.number}) is in flight in "
            f"{environment.title}; wait for it or cancel it first."
        )


def _last_run(environment: Environment) -> Run | None:
    return Run.objects.filter(environment=environment, kind__in=LIFECYCLE_KINDS).order_by("-number").first()


def _locked(environment: Environment, by: Actor) -> Environment:
    check_own(environment, by=by)
    # Behind the lock: somebody may be protecting it just now.
    environment = Environment.objects.select_for_update(no_key=True).get(pk=environment.pk)
    access.require(
        by,
        Permission.OPERATE,
        project_id=environment.project_id,
        environment_id=environment.id,
        protected=environment.protected,
    )
    if environment.deleted_at:
        raise Terminating(f"{environment.title} is being terminated.")
    return environment


def _wish(environment: Environment, wanted: str) -> None:
    if environment.wanted != wanted:
        Environment.objects.filter(pk=environment.pk).update(wanted=wanted, updated_at=timezone.now())
        environment.wanted = wanted
