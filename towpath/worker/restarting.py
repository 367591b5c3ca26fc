"""A restart: one service of what is live ends and starts again, on the same port."""

import time
from dataclasses import replace

from towpath.worker import programs, starting
from towpath.worker.attempts import Attempt, Failed
from towpath.worker.coming_up import until_healthy
from towpath.worker.pages import Pages
from towpath.worker.routes import Instance
from towpath.worker.supervisors import Supervisor
from towpath.worker.worksite import Worksite

KILL_AFTER = 5.0  # seconds beyond the time a service has to stop
GIVE_UP_AFTER = 10.0


def restart(worksite: Worksite, attempt: Attempt) -> None:
    specification = attempt.specification
    supervisor = worksite.supervisor(specification.project)
    current = worksite.routes.current(specification.app)
    name = specification.service or ""
    if current is None or name not in current.services:
        raise Failed(f"No service called {name} is live here")
    pages = Pages(attempt)
    worksite.routes.keep_masks(current, specification.masks)
    attempt.seal()
    pages.do("Restart", lambda: again(supervisor, attempt, current, name))
    pages.do("Health check", lambda: come_up(supervisor, attempt, current, name))
    attempt.conclude("succeeded")


def again(supervisor: Supervisor, attempt: Attempt, current: Instance, name: str) -> str:
    program = current.program(name)
    service = next((service for service in attempt.specification.services if service.name == name), None)
    if supervisor.state(program) is None and service is not None:
        starting.ensure_program(supervisor, current, attempt.specification, service)
        return "Started"
    supervisor.stop(program)
    stop_by = time.monotonic() + current.services[name]["stop_timeout"]
    while (state := supervisor.state(program)) and state["state"] not in programs.ENDED:
        late = time.monotonic() - stop_by
        if late > GIVE_UP_AFTER:
            raise Failed(f"{name} did not end, though it was killed; it was not started again")
        if late > KILL_AFTER:
            supervisor.kill(program)
        attempt.wait(0.1)
    supervisor.call("towpath.pardon", program)
    supervisor.start(program)
    return "Stopped and started"


def come_up(supervisor: Supervisor, attempt: Attempt, current: Instance, name: str) -> str:
    masks = attempt.specification.masks
    return until_healthy(supervisor, only(current, name), wait=attempt.wait, masks=masks)


def only(instance: Instance, name: str) -> Instance:
    return replace(instance, services={name: instance.services[name]})
