"""Getting an environment's host ready for a project: its user, directories, supervisor and addresses."""

from collections.abc import Sequence

from environments.doing.progress import Step, StepFailed
from environments.doing.provisioners import driver_of
from environments.models import Environment, Run
from projects.models import Project


def plan(run: Run) -> Sequence[Step]:
    assert run.environment_id is not None
    environment = Environment.objects.select_related("host", "organization").get(pk=run.environment_id)
    project = Project.objects.filter(pk=run.project_id).first() if run.project_id else None
    if project is None:
        raise StepFailed("The run names no project to prepare for.")
    return driver_of(environment).prepare(environment, project)
