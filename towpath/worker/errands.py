"""A workflow's or agent's run: its steps one after the other in a fresh directory, which goes when they are done."""

from functools import partial

from towpath.worker import disk, programs, releases
from towpath.worker.attempts import Attempt, Errored, LeaseLost
from towpath.worker.journal import say
from towpath.worker.layout import ProjectLayout
from towpath.worker.pages import Pages
from towpath.worker.supervisors import Supervisor, SupervisorAway
from towpath.worker.worksite import Worksite

PREFIX = "errand-"


def run_errand(worksite: Worksite, attempt: Attempt) -> None:
    """Raises Failed, Errored, Cancelled or LeaseLost. Without a point of no return it can be cancelled to its end."""
    specification = attempt.specification
    supervisor = worksite.supervisor(specification.project)
    clear_older_attempts(worksite, supervisor, attempt)
    if specification.once_begun:
        raise Errored(
            f"The step {specification.once_begun[0]} has begun in an earlier attempt and must not be repeated"
        )
    disk.check(supervisor.layout.releases)
    place = directory(attempt.run, attempt.number)
    pages = Pages(attempt)
    try:
        for step in specification.steps:
            work = partial(releases.run_step, supervisor, attempt, place, step)
            pages.do(step.name, work, at_once=not step.once)
    except LeaseLost:
        releases.kill_jobs(supervisor, attempt)
        raise
    except BaseException:
        take_away(worksite, supervisor, attempt, place)
        raise
    take_away(worksite, supervisor, attempt, place)
    attempt.sealed = True  # all is done: a wish to cancel comes too late
    attempt.conclude("succeeded")


def directory(run: str, attempt: int) -> str:
    return f"{PREFIX}{run}-{attempt}"


def directories(layout: ProjectLayout) -> set[str]:
    """All that are there, of runs at work and of such that nobody carries out any more."""
    return {path.name for path in layout.releases.glob(f"{PREFIX}*")}


def clear_older_attempts(worksite: Worksite, supervisor: Supervisor, attempt: Attempt) -> None:
    """Nothing of an older attempt may still be at work when this one begins."""
    if attempt.number == 1:
        return
    for name in supervisor.look():
        if name.startswith(f"run.{attempt.run}-") and not name.startswith(f"run.{attempt.run}-{attempt.number}."):
            programs.remove(supervisor, name, within=5, now=True)
    supervisor.kill_older_attempts(attempt.run, attempt.number)
    there = [path.name for path in supervisor.layout.releases.glob(f"{PREFIX}{attempt.run}-*")]
    releases.delete(worksite, supervisor, attempt.specification.app, there)


def take_away(worksite: Worksite, supervisor: Supervisor, attempt: Attempt, place: str) -> None:
    """What the steps left running ends, and their directory goes; what is not reached now is found by reconciling."""
    try:
        releases.kill_jobs(supervisor, attempt)
        if not supervisor.wrapper:
            # Without namespaces, what left the step's process group is known by its marks alone.
            supervisor.kill_attempt(attempt.run, attempt.number)
        if (supervisor.layout.releases / place).exists():
            releases.delete(worksite, supervisor, attempt.specification.app, [place])
    except (SupervisorAway, OSError) as error:
        say(f"run {attempt.run}: taking away what it left is done later: {error}")
