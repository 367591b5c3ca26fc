"""Open pages are told which things look different now, without an event: progress and measurements are not history."""

import uuid

from environments.models import Run
from projects import bell


def changed(run: Run) -> None:
    """After commit, pages that show the run, its app or its environment fetch those pieces anew."""
    subjects = [f"run:{run.pk}"]
    subjects += [f"app:{run.app_id}"] if run.app_id else []
    subjects += [f"environment:{run.environment_id}"] if run.environment_id else []
    ring(run.organization_id, subjects, project_id=run.project_id)


def ring(organization_id: uuid.UUID, subjects: list[str], *, project_id: uuid.UUID | None = None) -> None:
    """Who sees only some projects hears only hints that name one of them."""
    bell.ring(bell.EVENTS, organization=organization_id, subjects=subjects, project=project_id)
