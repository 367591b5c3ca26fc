"""Archivals: an app is put away once nothing of it is on its way; what runs of it stays until it is removed.

`apps.restore` takes it back; for that nothing has to be waited for.
"""

from environments.models import UNFINISHED, Run, RunKind, Slot
from projects import access, apps, events
from projects.access import Actor, Permission
from projects.errors import Conflict
from projects.models import App


class InFlight(Conflict):
    code = "in-flight"


@events.operation
def archive(app: App, *, by: Actor) -> App:
    """Put an app away. InFlight names the deployment that has to end first."""
    access.require_own(by, app.organization_id)
    access.require(by, Permission.MANAGE_PROJECTS, project_id=app.project_id)
    if locked(app).archived_at is None:
        check_nothing_in_flight(app)
    return apps.archive(app, by=by)


def locked(app: App) -> App:
    """The app as it is now, held until the operation ends, with its slots.

    Whoever carries out a plan holds its slot and then looks whether the app is archived: one of the two comes first.
    """
    list(Slot.objects.select_for_update(no_key=True).filter(app=app).order_by("id"))
    return apps.locked(app)


def check_nothing_in_flight(app: App) -> None:
    """Raise InFlight, naming it, while something of the app is being deployed."""
    run = (
        Run.objects.filter(app=app, kind=RunKind.DEPLOY, phase__in=UNFINISHED)
        .select_related("deployment__release", "environment")
        .order_by("created_at", "id")
        .first()
    )
    if run and run.deployment and run.environment:
        version = run.deployment.release.version if run.deployment.release else ""
        what = " ".join(filter(None, [run.deployment.kind, app.name, version]))
        raise InFlight(
            f"{what} (run #{run.number}) is in flight in {run.environment.title}; wait for it or cancel it first."
        )
