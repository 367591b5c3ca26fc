"""End what no longer has the traffic, after the time that open requests are given."""

import threading

from towpath.worker import releases, starting
from towpath.worker.routes import Instance
from towpath.worker.supervisors import Supervisor
from towpath.worker.worksite import Worksite

# A request that was sent to the old address just before the switch gets this long, on top of the service's own
# `stop_timeout`, within which well-behaved servers finish what they have begun.
GRACE = 5.0


def others(worksite: Worksite, app: str) -> list[Instance]:
    """Instances older than the one that has the traffic."""
    current = worksite.routes.current(app)
    if current is None:
        return []
    return [instance for instance in worksite.routes.instances(app) if instance.order < current.order]


def drain(worksite: Worksite, supervisor: Supervisor, app: str, *, keep: list[str], grace: float | None = None) -> None:
    """Stop the older instances in a thread of its own; the next deployment need not wait for that."""
    mine = []
    for instance in others(worksite, app):
        if (app, instance.name) not in worksite.draining:
            worksite.draining.add((app, instance.name))
            mine.append(instance)

    def work() -> None:
        try:
            worksite.stopping.wait(GRACE if grace is None else grace)
            if not worksite.stopping.is_set():
                for instance in mine:
                    starting.end(worksite, supervisor, instance)
                releases.sweep(worksite, supervisor, app, keep)
        finally:
            worksite.draining.difference_update((app, instance.name) for instance in mine)

    threading.Thread(target=work, name=f"drain {app}", daemon=True).start()
