"""What was archived takes nothing new; what runs of it keeps running."""

from projects.errors import Conflict
from projects.models import App, Project


class Archived(Conflict):
    code = "archived"


def check_project(project: Project) -> None:
    """Raise Archived where nothing new is made in a project."""
    if project.archived_at is not None:
        raise Archived(f"{project.key} is archived and takes nothing new; restore it first.")


def check_app(app: App) -> None:
    """Raise Archived where an app, or its project, takes nothing new."""
    if app.archived_at is not None:
        raise Archived(f"{app.name} is archived and takes no new releases; restore it first.")
    check_project(app.project)
