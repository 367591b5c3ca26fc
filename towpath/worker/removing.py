"""A removal: the address is given up first, then the services end, then everything of the app goes."""

from towpath.worker import releases, starting
from towpath.worker.attempts import Attempt, Errored
from towpath.worker.endpoints import Endpoints
from towpath.worker.pages import Pages
from towpath.worker.routes import Overtaken
from towpath.worker.supervisors import Supervisor
from towpath.worker.worksite import Worksite

OPEN_REQUESTS = 1.0  # seconds between giving the address up and asking services to end


def remove(worksite: Worksite, endpoints: Endpoints, attempt: Attempt) -> None:
    specification = attempt.specification
    supervisor = worksite.supervisor(specification.project)
    pages = Pages(attempt)
    attempt.seal()
    pages.do("Drain", lambda: drain(worksite, supervisor, attempt))
    pages.do("Free", lambda: free(worksite, endpoints, supervisor, specification.app))
    attempt.conclude("succeeded")


def drain(worksite: Worksite, supervisor: Supervisor, attempt: Attempt) -> str:
    specification = attempt.specification
    try:
        worksite.routes.close(specification.app, order=(specification.number, attempt.number))
    except Overtaken as error:
        raise Errored("A newer deployment has the traffic on this host already") from error
    attempt.wait(OPEN_REQUESTS)
    instances = worksite.routes.instances(specification.app)
    for instance in instances:
        starting.end(worksite, supervisor, instance)
    count = sum(len(instance.services) for instance in instances)
    return f"{count} service{'' if count == 1 else 's'} stopped"


def free(worksite: Worksite, endpoints: Endpoints, supervisor: Supervisor, app: str) -> str:
    endpoints.free(app)
    names = list(worksite.routes.releases(app))
    releases.delete(worksite, supervisor, app, names)
    return f"{len(names)} release director{'y' if len(names) == 1 else 'ies'} taken away"
