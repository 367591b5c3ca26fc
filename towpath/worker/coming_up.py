"""Wait for services that have just been started, no longer than they were given."""

import time
from collections.abc import Callable

from towpath.worker import health
from towpath.worker.attempts import Failed
from towpath.worker.lines import output_of
from towpath.worker.masks import NOTHING, Masks
from towpath.worker.routes import Instance
from towpath.worker.supervisors import Supervisor

EXITS_ALLOWED = 3  # after as many it will not get better by waiting
WITHOUT_HEALTH = 30.0  # seconds for a service that names no health check
LAST_LINES = 20


class PortTaken(Failed):
    """Another program of this machine listens on the port that a service was given, and had not yet begun to use."""


def until_healthy(
    supervisor: Supervisor, instance: Instance, *, wait: Callable[[float], None], masks: Masks = NOTHING
) -> str:
    """Wait until every service is well; answers a sentence, or raises Failed with the reason and last lines."""
    began = time.monotonic()
    waiting = dict(instance.services)
    pause = 0.1
    while True:
        look, in_use = supervisor.look_around()
        for name, kept in list(waiting.items()):
            program = look.get(instance.program(name))
            trouble = health.probe(supervisor, instance, name, program)
            if trouble is None:
                del waiting[name]
                continue
            spent = time.monotonic() - began
            within = kept["health"]["within"] if kept["health"] else WITHOUT_HEALTH
            if program and program["exit_count"] >= EXITS_ALLOWED:
                last = last_output(supervisor, instance, name, masks)
                raise Failed(f"{name} ended {program['exit_count']} times: {health.describe_exit(program)}", last)
            if program and kept["port"] in in_use - set(program["ports"]):
                raise PortTaken(f"another program has taken port {kept['port']}, which {name} was given")
            if spent > within:
                last = last_output(supervisor, instance, name, masks)
                raise Failed(f"{name} was not healthy within {within:g} s: {trouble}", last)
        if not waiting:
            return f"Healthy after {time.monotonic() - began:.1f} s"
        wait(pause)
        pause = min(1.0, pause * 1.4)


def last_output(supervisor: Supervisor, instance: Instance, service: str, masks: Masks) -> list[str]:
    """The last lines of a service, so that the reason stands where the failure is read."""
    found: list[str] = []
    for follower in output_of(supervisor.layout, instance.program(service), masks).values():
        while lines := follower.read():
            found = [*found, *lines][-LAST_LINES:]
    return found[-LAST_LINES:]
