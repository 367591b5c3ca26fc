"""A deployment: fetch, steps, start beside the old, health, seal, switch, and only then an end of the old."""

from functools import partial

from towpath.worker import coming_up, draining, health, programs, releases, starting
from towpath.worker.attempts import Attempt, Errored, Failed, LeaseLost
from towpath.worker.endpoints import Endpoints
from towpath.worker.pages import Pages
from towpath.worker.ports import PortsUsedUp
from towpath.worker.routes import Instance, Overtaken
from towpath.worker.supervisors import Supervisor, SupervisorAway
from towpath.worker.worksite import Worksite

OTHER_PORTS = 3  # times that services begin again because their port was taken meanwhile


def deploy(worksite: Worksite, endpoints: Endpoints, attempt: Attempt) -> None:
    """Raises Failed, Errored, Cancelled or LeaseLost; then what served before still serves."""
    specification = attempt.specification
    supervisor = worksite.supervisor(specification.project)
    current = worksite.routes.current(specification.app)
    if current is not None and current.deployment == specification.deployment:
        # An earlier attempt switched and was not heard of again: what really runs is what counts.
        go_on_from_switch(worksite, supervisor, attempt, current)
        return
    instance = sealed_before(worksite, supervisor, attempt)
    clear_older_attempts(worksite, supervisor, attempt, spare=instance)
    pages = Pages(attempt)
    if instance is not None:
        pages.skip_to_switch()
    else:
        instance = bring_up(worksite, supervisor, attempt, pages)
    attempt.seal()
    instance = worksite.routes.seal(instance)
    pages.do("Switch", lambda: switch(worksite, endpoints, attempt, instance))
    finish(worksite, supervisor, attempt, pages)


def bring_up(worksite: Worksite, supervisor: Supervisor, attempt: Attempt, pages: Pages) -> Instance:
    """Everything before the point of no return; whatever it made is taken away when it fails."""
    specification = attempt.specification
    reuse = releases.returnable(worksite, supervisor, specification.app, specification.reuse)
    release = reuse or f"{specification.deployment}-{attempt.number}"
    made: list[Instance] = []
    if specification.once_begun and not reuse:
        raise Errored(
            f"The step {specification.once_begun[0]} has begun in an earlier attempt and must not be repeated, "
            "and what that attempt started does not run any more"
        )

    def start() -> str:
        try:
            made.append(starting.begin(worksite, supervisor, specification, release=release, attempt=attempt.number))
        except PortsUsedUp as error:
            raise Errored(str(error)) from error
        ports = [f"{name} on port {kept['port']}" for name, kept in made[0].services.items() if kept["port"]]
        return ", ".join(ports) or "No ports"

    def be_healthy() -> str:
        for _ in range(OTHER_PORTS):
            try:
                return coming_up.until_healthy(supervisor, made[0], wait=attempt.wait, masks=specification.masks)
            except coming_up.PortTaken as taken:
                attempt.note(f"{taken}: starting again on another")
                starting.end(worksite, supervisor, made[0])
                made.clear()
                attempt.note(start())
        return coming_up.until_healthy(supervisor, made[0], wait=attempt.wait, masks=specification.masks)

    try:
        if reuse:
            pages.do("Reuse", lambda: "Its directory is still here: no step again", brief=True)
            pages.skip_steps("The directory of an earlier deployment is used")
        else:
            nothing = specification.artifact is None
            pages.do("Fetch", lambda: releases.fetch(worksite, supervisor, attempt, release), brief=nothing)
            for step in specification.steps:
                work = partial(releases.run_step, supervisor, attempt, release, step)
                pages.do(step.name, work, at_once=not step.once)
            if not supervisor.wrapper:
                # Without namespaces a step can leave processes behind; the services come only now.
                supervisor.kill_older_attempts(specification.run, attempt.number + 1)
            releases.complete(worksite, specification, release)
        pages.do("Start", start)
        pages.do("Health check", be_healthy)
        return made[0]
    except LeaseLost:
        # Another attempt may be at work already; it clears what bears an older number, by itself.
        kill_own(supervisor, attempt, made)
        raise
    except BaseException:
        try:
            kill_own(supervisor, attempt, made)
            for instance in made:
                starting.end(worksite, supervisor, instance)
            if not reuse:
                releases.delete(worksite, supervisor, specification.app, [release])
        except (SupervisorAway, OSError) as error:
            attempt.note(f"Taking away what was made is left for later: {error}")
        raise


def switch(worksite: Worksite, endpoints: Endpoints, attempt: Attempt, instance: Instance) -> str:
    endpoints.make(attempt.specification)
    try:
        worksite.routes.switch(instance)
    except Overtaken as error:
        raise Errored("A newer deployment has the traffic on this host already") from error
    worksite.changed.set()
    named = attempt.specification.version or f"deployment {instance.number}"
    return f"{named} has the traffic"


def finish(worksite: Worksite, supervisor: Supervisor, attempt: Attempt, pages: Pages) -> None:
    """The run has succeeded once the traffic has moved; the old one drains afterwards, whatever becomes of us."""
    specification = attempt.specification
    others = draining.others(worksite, specification.app)
    names = ", ".join(sorted({f"deployment {instance.number}" for instance in others}))
    told = f"{names} finishes its open requests, then stops" if others else "Nothing to drain"
    pages.do("Drain", lambda: told, brief=True)
    attempt.conclude("succeeded")
    draining.drain(worksite, supervisor, specification.app, keep=specification.keep)


def go_on_from_switch(worksite: Worksite, supervisor: Supervisor, attempt: Attempt, current: Instance) -> None:
    pages = Pages(attempt)
    pages.skip_to_switch()
    pages.skip("Switch", "An earlier attempt has switched")
    clear_older_attempts(worksite, supervisor, attempt, spare=current)
    for service in attempt.specification.services:
        if supervisor.state(current.program(service.name)) is None:
            starting.ensure_program(supervisor, current, attempt.specification, service)
    attempt.sealed = True
    finish(worksite, supervisor, attempt, pages)


def sealed_before(worksite: Worksite, supervisor: Supervisor, attempt: Attempt) -> Instance | None:
    """An earlier attempt's instance that was sealed, and still runs and is well: go forward with it."""
    if attempt.number == 1:
        return None
    specification = attempt.specification
    look = supervisor.look()
    for instance in reversed(worksite.routes.instances(specification.app)):
        if instance.number != specification.number or not instance.sealed or instance.attempt >= attempt.number:
            continue
        troubles = [
            health.probe(supervisor, instance, service, look.get(instance.program(service)))
            for service in instance.services
        ]
        if not any(troubles) or (specification.once_begun and comes_up(supervisor, attempt, instance)):
            return instance
    return None


def comes_up(supervisor: Supervisor, attempt: Attempt, instance: Instance) -> bool:
    """After a restart of its host it may only need time; worth waiting for where its steps cannot be repeated."""
    for service in attempt.specification.services:
        if service.name in instance.services and supervisor.state(instance.program(service.name)) is None:
            starting.ensure_program(supervisor, instance, attempt.specification, service)
    try:
        coming_up.until_healthy(supervisor, instance, wait=attempt.wait, masks=attempt.specification.masks)
    except Failed as failure:
        attempt.note(f"What an earlier attempt started does not come up: {failure}")
        return False
    return True


def clear_older_attempts(
    worksite: Worksite, supervisor: Supervisor, attempt: Attempt, *, spare: Instance | None
) -> None:
    """Nothing of an older attempt may still be at work when this one begins."""
    if attempt.number == 1:
        return
    specification = attempt.specification
    for name in supervisor.look():
        if name.startswith(f"run.{attempt.run}-") and not name.startswith(f"run.{attempt.run}-{attempt.number}."):
            programs.remove(supervisor, name, within=5, now=True)
    for instance in worksite.routes.instances(specification.app):
        is_ours = instance.number == specification.number and instance.attempt < attempt.number
        if is_ours and (spare is None or instance.order != spare.order):
            starting.end(worksite, supervisor, instance)
    if spare is None:
        supervisor.kill_older_attempts(specification.run, attempt.number)
        used = {instance.release for instance in worksite.routes.instances(specification.app)}
        stale = [
            name
            for name, kept in worksite.routes.releases(specification.app).items()
            if kept.get("deployment") == specification.deployment and name not in used
        ]
        releases.delete(worksite, supervisor, specification.app, stale)


def kill_own(supervisor: Supervisor, attempt: Attempt, made: list[Instance]) -> None:
    for instance in made:
        for service in instance.services:
            supervisor.stop(instance.program(service))
    releases.kill_jobs(supervisor, attempt)
