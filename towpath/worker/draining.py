"""End what no longer has the traffic, after the time that open requests are given."""

import threading

from towpath.worker import releases, starting
from towpath.worker.journal import say
from towpath.worker.routes import Instance
from towpath.worker.supervisors import Supervisor, SupervisorAway
from towpath.worker.worksite import Worksite

TURN_WITHIN = 5.0


def others(worksite: Worksite, app: str, *, above: int = 0) -> list[Instance]:
    """Instances older than the one that has the traffic, and those of newer deployments, up to `above`, given up."""
    current = worksite.routes.current(app)
    if current is None:
        return []
    return [
        instance
        for instance in worksite.routes.instances(app)
        if instance.order < current.order or current.number < instance.number <= above
    ]


def drain(worksite: Worksite, supervisor: Supervisor, app: str, *, keep: list[str], above: int = 0) -> None:
    """Stop the older instances in a thread of its own; the next deployment need not wait for that."""
    mine: list[Instance] = []
    for instance in others(worksite, app, above=above):
        if (app, instance.name) not in worksite.draining:
            worksite.draining.add((app, instance.name))
            mine.append(instance)

    if not mine and not releases.stale(worksite, app, keep):
        return

    def work() -> None:
        try:
            worksite.stopping.wait(worksite.host.grace_seconds if mine else 0)
            if not worksite.stopping.is_set():
                for instance in mine:
                    starting.end(worksite, supervisor, instance)
                # A run that has just begun works in a directory that nothing names yet: leave it its turn. Reconciling,
                # which asks for this in a turn of its own, soon ends that one.
                with worksite.turn(app, within=TURN_WITHIN) as free:
                    if free:
                        releases.sweep(worksite, supervisor, app, keep)
        except (SupervisorAway, OSError) as error:
            say(f"draining {app}: {error}")  # the next reconciling does it
        finally:
            worksite.draining.difference_update((app, instance.name) for instance in mine)

    threading.Thread(target=work, name=f"drain {app}", daemon=True).start()
