"""The `process` provisioner: an environment is a directory, users and programs on this installation's own machine."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from django.conf import settings

from environments import hosts, worker_tokens
from environments.doing.progress import Progress, Step, StepFailed
from environments.doing.provisioners import addresses, leftovers, presence, project_places
from environments.doing.provisioners.accounts import (
    holds,
    prepare_project,
    prepare_worker,
    write_for,
)
from environments.doing.provisioners.supervisor import UP, Program, supervisor
from environments.models import Account, Environment, State, Worker
from projects.errors import Refused
from projects.models import Project


class Process:
    """Programs run under the one supervisor of `make up`; with root each as a user of its own."""

    name = "process"

    def provision(self, environment: Environment, *, rest: bool) -> Sequence[Step]:
        made = [
            Step("Namespace", partial(presence.say_namespace, environment), 10),
            Step("Host and users", partial(_place, environment), 20),
            Step("Directories", partial(_directories, environment), 60),
            Step("Supervisor", partial(_supervisor, environment), 30),
            Step("Worker token", partial(_token, environment), 20),
        ]
        return [*made, *(_bring_down(environment) if rest else _bring_up(environment))]

    def start(self, environment: Environment) -> Sequence[Step]:
        return [
            Step("Directories", partial(_directories, environment), 60),
            Step("Worker token", partial(_token, environment), 20),
            *_bring_up(environment),
            Step("Releases", partial(_releases, environment), 90),
        ]

    def stop(self, environment: Environment) -> Sequence[Step]:
        return [
            Step("Services", partial(presence.await_services_stopped, environment), 60),
            *_bring_down(environment),
        ]

    def terminate(self, environment: Environment) -> Sequence[Step]:
        return [
            # Its services have had their time to end; the worker itself has nothing left to put in order.
            *_bring_down(environment, patience=2),
            Step("Addresses", partial(addresses.free_all, environment), 20),
            Step("Directories", partial(leftovers.remove, environment), 300),
            Step("Users", partial(_retire_users, environment), 20),
        ]

    def prepare(self, environment: Environment, project: Project) -> Sequence[Step]:
        return [
            *project_places.prepare(environment, project),
            Step("Addresses", partial(addresses.open_allocated, environment), 20),
        ]

    def refresh(self, environment: Environment, progress: Progress) -> None:
        if not environment.directory:
            return
        # After a restore there may be nothing but the rows.
        due = environment.state == State.RUNNING or supervisor().state(worker_program(environment))
        if due and not _is_sound(environment):
            _start_programs(environment, progress)
        addresses.open_allocated(environment, progress)


def worker_program(environment: Environment) -> str:
    return f"environment-{environment.id.hex}-worker"


def _bring_up(environment: Environment) -> list[Step]:
    return [
        Step("Worker", partial(_start_programs, environment), 120),
        Step("First heartbeat", partial(_heartbeat, environment), 60),
    ]


def _bring_down(environment: Environment, *, patience: float = 60) -> list[Step]:
    return [
        Step("Worker", partial(_stop_worker, environment, patience), 60),
        Step("Project supervisors", partial(_stop_projects, environment), 120),
    ]


def _place(environment: Environment, progress: Progress) -> None:
    try:
        host = hosts.place(environment)
        account = hosts.account(environment)
    except Refused as refusal:
        raise StepFailed(refusal.detail) from refusal
    environment.refresh_from_db()
    last = environment.service_first + environment.service_count - 1
    progress.say(f"On {host.name}; services listen on ports {environment.service_first} to {last}.")
    if account.uid is None:
        progress.say(f"One user for everything: {host.isolation_note or 'this host cannot separate users.'}")
    else:
        progress.say(f"The worker runs as user {account.uid}.")


def _directories(environment: Environment, progress: Progress) -> None:
    environment.refresh_from_db()
    presence.refuse_without_directory(environment)
    prepare_worker(environment, progress)
    progress.say(environment.directory)


def _supervisor(environment: Environment, progress: Progress) -> None:
    progress.say(f"Supervisor {supervisor().version()} answers.")


def _token(environment: Environment, progress: Progress) -> None:
    """All that the worker gets: a file only it can read."""
    write_for(hosts.account(environment), *_given(environment))
    progress.say("Sealed in the control plane, readable on the host by the worker alone.")


def _start_programs(environment: Environment, progress: Progress) -> None:
    environment.refresh_from_db()
    supervising = supervisor()
    # Before its projects, which lie in the same directory: after a restore there is none.
    worker = prepare_worker(environment, progress)
    prepared = Account.objects.filter(environment=environment, project__isnull=False, prepared_at__isnull=False)
    for account in prepared.select_related("project"):
        if account.project:
            project_places.keep(environment, account.project, prepare_project(environment, account, progress), progress)
            progress.say(f"The supervisor of {account.project.key} runs.")
    if not holds(*_given(environment)):
        # One that came up with another token has another place, or none: it begins again with its own.
        supervising.take_away(worker_program(environment), progress)
        _token(environment, progress)
    supervising.keep_running(
        Program(
            name=worker_program(environment),
            command=worker.as_user(),
            directory=worker.directory,
            stop_seconds=20,
        ),
        progress,
    )
    progress.say("The environment's own worker runs.")


def _heartbeat(environment: Environment, progress: Progress) -> None:
    environment.refresh_from_db()
    if supervisor().state(worker_program(environment)) not in UP or not _is_sound(environment):
        # A retry continues here, and what came up at the first try may have given up since.
        _start_programs(environment, progress)
    worker = presence.await_builtin_worker(environment, progress, seconds=50)
    if worker is None:
        raise StepFailed(f"The worker was not heard of within 50 s. {_last_words(environment)}")
    progress.say(f"The worker on {worker.hostname} was heard of.")


def _is_sound(environment: Environment) -> bool:
    """Whether the worker is started as it would be today, and has its token."""
    found = settings.INSTALLATION
    as_of_today = supervisor().mentions(worker_program(environment), f"--server {found.url} ", found.interpreter)
    return as_of_today and holds(*_given(environment))


def _given(environment: Environment) -> tuple[Path, str]:
    """The file that the worker finds its token in, and what it holds."""
    token = worker_tokens.give(environment, Worker.Kind.BUILTIN)
    return Path(environment.directory) / "worker" / "token", token.reveal() + "\n"


def _last_words(environment: Environment) -> str:
    log = Path(settings.TOWPATH_HOME) / "logs" / f"{worker_program(environment)}.log"
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return f"Its last words: {lines[-1][:300]}" if lines else "It has said nothing."


def _releases(environment: Environment, progress: Progress) -> None:
    presence.await_releases(environment, progress, seconds=60)


def _stop_worker(environment: Environment, patience: float, progress: Progress) -> None:
    there = supervisor().take_away(worker_program(environment), progress, patience=patience)
    presence.end_builtin_session(environment)
    progress.say("The built-in worker has stopped." if there else "There is no built-in worker to stop.")


def _stop_projects(environment: Environment, progress: Progress) -> None:
    supervising = supervisor()
    for name in supervising.names(f"environment-{environment.id.hex}-project-"):
        supervising.take_away(name, progress)
        progress.say(f"The supervisor of {name.rpartition('-project-')[2]} has stopped, and with it its services.")
    killed = leftovers.kill(environment, progress)
    progress.say(f"Killed {killed} process(es) that were left." if killed else "No process of it is left.")


def _retire_users(environment: Environment, progress: Progress) -> None:
    hosts.removed(environment)
    progress.say("Its users are retired; their numbers are never given again.")
