"""Start a release's services beside whatever runs already, and stop an instance's services again."""

import os
from typing import Any

from towpath.worker import programs
from towpath.worker.journal import say
from towpath.worker.layout import ProjectLayout
from towpath.worker.preparing import PATH
from towpath.worker.programs import Program
from towpath.worker.routes import Instance
from towpath.worker.specification import Service, Specification
from towpath.worker.supervisors import ProgramStays, Supervisor, SupervisorAway
from towpath.worker.worksite import Worksite

OTHERS_TURN = 10.0


def program_environment(
    layout: ProjectLayout, release: str, specification: Specification, own: dict[str, str], attempt: int
) -> dict[str, str]:
    """All that a step or service finds in its environment; what is ours cannot be overwritten by what is theirs."""
    home = layout.releases / release
    return {
        "LANG": "C.UTF-8",
        **specification.env,
        **own,
        "PATH": os.environ.get("PATH") or PATH,
        "HOME": str(home / "home"),
        "TMPDIR": str(home / "tmp"),
        "TOWPATH_RUN": specification.env.get("TOWPATH_RUN", specification.run),
        "TOWPATH_ATTEMPT": str(attempt),
    }


def shell_program(
    supervisor: Supervisor,
    name: str,
    *,
    release: str,
    run: str,
    environment: dict[str, str],
    kept: bool = False,
    stop_timeout: int = 5,
    tied: bool = True,
) -> Program:
    spec = {
        "directory": str(supervisor.layout.releases / release / "work"),
        "run": run,
        "env": environment,
        "wrapper": supervisor.wrapper,
    }
    return Program(name, spec, kept=kept, stop_timeout=stop_timeout, tied=tied)


def begin(
    worksite: Worksite, supervisor: Supervisor, specification: Specification, *, release: str, attempt: int
) -> Instance:
    """Write the instance down, then start its services on ports of their own."""
    wanting = [service for service in specification.services if service.wants_port]
    ports = worksite.ports.choose(len(wanting))
    port_of = {service.name: port for service, port in zip(wanting, ports, strict=True)}
    instance = Instance(
        app=specification.app,
        app_name=specification.app_name,
        project=specification.project,
        deployment=specification.deployment,
        number=specification.number,
        attempt=attempt,
        release=release,
        services={service.name: described(service, port_of.get(service.name)) for service in specification.services},
        run=specification.env.get("TOWPATH_RUN", specification.run),
    )
    worksite.routes.record(instance)
    worksite.routes.keep_masks(instance, specification.masks)
    worksite.ports.written_down(ports)
    for service in specification.services:
        ensure_program(supervisor, instance, specification, service)
    for name, port in port_of.items():
        worksite.routes.point(instance, name, port)
    return instance


def described(service: Service, port: int | None) -> dict[str, Any]:
    health = service.health
    return {
        "port": port,
        "stop_timeout": service.stop_timeout,
        "health": {"kind": health.kind, "within": health.within, "path": health.path, "run": health.run}
        if health
        else None,
    }


def ensure_program(supervisor: Supervisor, instance: Instance, specification: Specification, service: Service) -> None:
    """Add the service's program, which starts; one that is there already stays as it is."""
    port = instance.services[service.name]["port"]
    own = {**service.env, **({"PORT": str(port)} if port else {})}
    environment = program_environment(supervisor.layout, instance.release, specification, own, instance.attempt)
    program = shell_program(
        supervisor,
        instance.program(service.name),
        release=instance.release,
        run=service.run,
        environment=environment,
        kept=True,
        stop_timeout=service.stop_timeout,
    )
    programs.add(supervisor, program)


def end(worksite: Worksite, supervisor: Supervisor, instance: Instance, *, forget: bool = True) -> None:
    """Stop every service of an instance, then forget it. Nothing is forgotten while something still runs."""
    for service in instance.services:
        worksite.routes.point(instance, service, None)
    # All are asked first, so that they end side by side.
    for service in instance.services:
        supervisor.stop(instance.program(service))
    for service, kept in instance.services.items():
        if not programs.remove(supervisor, instance.program(service), within=kept["stop_timeout"] + 3):
            raise ProgramStays(f"{service} of {instance.app_name} does not end")
    if not supervisor.wrapper:
        # Without namespaces, what left the service's process group is known by its marks alone.
        supervisor.kill_attempt(instance.run, instance.attempt)
    if forget:
        worksite.routes.forget(instance)


def end_everything(worksite: Worksite, *, forget: bool) -> None:
    """Every service ends; what is current stays written down unless it is to be forgotten."""
    for app in worksite.routes.apps():
        # Whoever is at work on the app takes an end for an accident and starts it again: their turn comes first.
        with worksite.turn(app, within=OTHERS_TURN):
            for instance in worksite.routes.instances(app):
                supervisor = worksite.answering(instance.project)
                if supervisor is None:
                    continue
                try:
                    end(worksite, supervisor, instance, forget=forget)
                except (SupervisorAway, OSError) as error:
                    say(f"{instance.app_name}: {error}")
