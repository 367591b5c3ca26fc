"""Deletions of projects: one goes when nothing of it has a history that is kept for good.

Releases, deployments and environments that were keep their rows, and these their project. Such a project is put out of
the way by archiving it.
"""

from django.db.models import Q

from environments.models import Chain, Entry, Environment
from projects import access, events, lifecycle
from projects.access import Actor, Permission
from projects.lifecycle import InUse
from projects.models import Project


@events.operation
def delete(project: Project, *, by: Actor) -> None:
    """Delete the project, and with it its archived apps of which nothing was ever released. InUse says what is left."""
    access.require_own(by, project.organization_id)
    access.require(by, Permission.MANAGE_PROJECTS, project_id=project.id)
    project = lifecycle.locked(project)
    # Also one that was deleted keeps its row: nobody is sent away to delete what would not help.
    if Environment.objects.filter(project=project).exists():
        raise InUse(
            f"{project.key} has or had environments of its own. Their history is kept for good, and so is the project. "
            "Archive it to put it out of the way."
        )
    if Chain.objects.filter(project=project).exists():
        raise InUse(f"{project.key} has a promotion chain of its own; delete it first.")
    if Entry.objects.filter(Q(project=project) | Q(app__project=project)).exists():
        raise InUse(
            f"{project.key} has or had variables or secrets of its own. Their versions are kept for good, and so "
            "is the project. Archive it to put it out of the way."
        )
    lifecycle.delete(project, by=by)
