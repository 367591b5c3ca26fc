"""What a project has in an environment of the `process` provisioner: a user, directories, a supervisor of its own."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from environments import hosts
from environments.doing.progress import Progress, Step, StepFailed
from environments.doing.provisioners.accounts import Preparation, prepare_project
from environments.doing.provisioners.supervisor import Program, supervisor
from environments.models import Environment, State
from projects.models import Project


def prepare(environment: Environment, project: Project) -> Sequence[Step]:
    return [
        Step("User", partial(_user, environment, project), 20),
        Step("Project directories", partial(_directories, environment, project), 60),
        Step("Project supervisor", partial(_supervisor, environment, project), 60),
    ]


def keep(environment: Environment, project: Project, prepared: Preparation, progress: Progress) -> None:
    """The project's supervisor runs, as it would be started today."""
    supervisor().keep_running(
        Program(
            name=project_program(environment, project),
            command=prepared.as_user(),
            directory=prepared.directory,
            stop_seconds=40,
        ),
        progress,
    )


def project_program(environment: Environment, project: Project) -> str:
    return f"environment-{environment.id.hex}-project-{project.key}"


def _user(environment: Environment, project: Project, progress: Progress) -> None:
    environment.refresh_from_db()
    if environment.state != State.RUNNING:
        raise StepFailed(f"{environment.title} is {environment.get_state_display().lower()}; start it first.")
    account = hosts.account(environment, project)
    if account.uid is None:
        progress.say("The host cannot separate users; steps and services run as the same user as everything here.")
    else:
        progress.say(f"Steps and services of {project.key} run as user {account.uid}.")


def _directories(environment: Environment, project: Project, progress: Progress) -> None:
    prepare_project(environment, hosts.account(environment, project), progress)
    progress.say(f"{environment.directory}/projects/{project.key}")


def _supervisor(environment: Environment, project: Project, progress: Progress) -> None:
    account = hosts.account(environment, project)
    keep(environment, project, prepare_project(environment, account, progress), progress)
    socket = Path(environment.directory) / "projects" / project.key / "run" / "supervisor.sock"
    progress.wait_for(socket.is_socket, every=0.1)
    hosts.prepared(account)
    progress.say(f"The supervisor of {project.key} runs.")
