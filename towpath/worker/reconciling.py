"""Make what runs here what is desired here: at the start, when rung, and every thirty seconds."""

import traceback
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from towpath.worker import draining, errands, programs, releases, starting
from towpath.worker.attempts import Failed
from towpath.worker.coming_up import until_healthy
from towpath.worker.endpoints import Endpoints
from towpath.worker.holding import Holding
from towpath.worker.journal import say
from towpath.worker.ports import PortsUsedUp
from towpath.worker.routes import Instance, Overtaken
from towpath.worker.session import now
from towpath.worker.specification import Specification, read
from towpath.worker.standing import Standing
from towpath.worker.supervisors import ProgramStays, Supervisor, SupervisorAway, SupervisorRefused

EVERY = 30.0
SOON = 2.0
ANSWERS_WITHIN = 15.0


class Reconciler:
    def __init__(self, standing: Standing, holding: Holding, endpoints: Endpoints) -> None:
        self.standing = standing
        self.holding = holding
        self.endpoints = endpoints
        self.worksite = standing.worksite
        self.missing: list[str] = []
        self.silent: set[str] = set()  # projects whose supervisors have not answered in this round
        self.passed_over = False  # an app was left alone because its run has just ended
        self.told: set[tuple[str, str]] = set()  # deployments that cannot be started, and why

    def loop(self) -> None:
        """Until the control plane has answered, what was live stays: a supervisor brings its services back itself."""
        for project in self.worksite.present_projects():
            self.worksite.answering(project)
        pause = 0.0
        while not self.standing.stop.is_set():
            self.standing.rung.wait(pause)
            self.standing.rung.clear()
            if self.standing.stop.is_set():
                return
            answered = self.standing.survive(self.once)
            pause = EVERY if answered and not self.passed_over else SOON

    def once(self) -> None:
        asked_at = now()
        desired = self.standing.session.call("/workers/me/desired", {})
        self.standing.desired_version = int(desired.get("version") or 0)
        self.passed_over = False
        self.silent.clear()
        if desired.get("wanted") == "stopped":
            starting.end_everything(self.worksite, forget=False)
            return
        self._tidy()
        missing: list[str] = []
        slots = {str(slot["app"]["id"]): slot for slot in desired.get("slots", [])}
        for app, slot in slots.items():
            project = str(slot["project"]["key"])
            with self.worksite.turn(app) as mine:
                if project not in self.silent and self._may(app, mine, asked_at):
                    self._apart(app, project, partial(self._tend, app, slot, missing))
        for app in self.worksite.routes.apps():
            if app in slots:
                continue
            project = self._project_of(app)
            with self.worksite.turn(app) as mine:
                if project not in self.silent and self._may(app, mine, asked_at):
                    self._apart(app, project, partial(self._has_no_business, app))
        self.missing = missing
        self.worksite.changed.set()

    def _project_of(self, app: str) -> str:
        here = [instance.project for instance in self.worksite.routes.instances(app)]
        kept = [str(release.get("project")) for release in self.worksite.routes.releases(app).values()]
        return next(iter([*here, *kept]), "")

    def _tidy(self) -> None:
        """End steps and helpers that an earlier process of this worker left behind."""
        for project in self.worksite.present_projects():
            try:
                self._tidy_project(project)
            except (SupervisorAway, OSError) as error:
                say(f"{project}: {error}")
            except Exception:
                say(f"{project}: {traceback.format_exc()}")

    def _tidy_project(self, project: str) -> None:
        supervisor = self.worksite.answering(project)
        if supervisor is None:
            return
        programs_there = {*supervisor.look(), *supervisor.written()}
        places_there = errands.directories(supervisor.layout)
        # Asked for after the look: what was seen and is not in hand now has no owner.
        held = self.holding.in_hand()
        in_hand = tuple(f"run.{run}-{attempt}." for run, attempt in held)
        for name in programs_there:
            is_job = name.startswith(("run.", "probe.", "delete.", "measure."))
            if is_job and not name.startswith(in_hand) and not name.endswith(f".{programs.NONCE}"):
                programs.remove(supervisor, name, within=5, now=True)
        abandoned = places_there - {errands.directory(run, attempt) for run, attempt in held}
        releases.delete(self.worksite, supervisor, "errands", sorted(abandoned))

    def _apart(self, app: str, project: str, care: Callable[[], None]) -> None:
        """One app's trouble, whatever it is, does not end the care for the others.

        A project whose supervisor is silent is waited for once in a round, not once for each of its apps.
        """
        try:
            care()
        except (SupervisorRefused, ProgramStays, PortsUsedUp, Overtaken, OSError) as error:
            say(f"{app}: {error}")
        except SupervisorAway as error:
            say(f"{app}: {error}")
            self.silent.add(project)
        except Exception:
            say(f"{app}: {traceback.format_exc()}")

    def _may(self, app: str, mine: bool, asked_at: float) -> bool:
        """A run that ended since we asked has changed what is desired: the next answer will know."""
        fresh = mine and self.worksite.last_turn.get(app, 0) < asked_at
        self.passed_over |= mine and not fresh  # the end of a run that is still at work rings by itself
        return fresh

    def _tend(self, app: str, slot: dict[str, Any], missing: list[str]) -> None:
        keep = [str(deployment) for deployment in slot.get("keep") or []]
        above = int(slot.get("above") or 0)
        if slot.get("live"):
            self._make_live(read(slot["live"]), missing, above=above)
        supervisor = self.worksite.answering(str(slot["project"]["key"]))
        if supervisor is None:
            raise SupervisorAway("its supervisor does not answer")
        live = int((slot.get("live") or {}).get("deployment", {}).get("number") or 0)
        current = self.worksite.routes.current(app)
        if current is None or current.number != live:
            above = 0  # what was given up goes when the live one has the traffic again
        self._end_leftovers(supervisor, app, live, above=above)
        draining.drain(self.worksite, supervisor, app, keep=keep, above=above)
        kept = {
            str(entry.get("deployment"))
            for name, entry in self.worksite.routes.releases(app).items()
            if entry.get("complete") and (supervisor.layout.releases / name).is_dir()
        }
        ours = {str(entry.get("deployment")) for entry in self.worksite.routes.releases(app).values()}
        missing.extend(deployment for deployment in keep if deployment in ours and deployment not in kept)

    def _end_leftovers(self, supervisor: Supervisor, app: str, live: int, *, above: int) -> None:
        """What a lost attempt left beside the current one; one that was sealed is still taken forward by its run.

        What was given up may have requests open, and drains.
        """
        current = self.worksite.routes.current(app)
        for instance in self.worksite.routes.instances(app):
            beside = current is None or instance.order > current.order
            drains = live < instance.number <= above
            if beside and not drains and not (instance.sealed and instance.number > live):
                starting.end(self.worksite, supervisor, instance)

    def _make_live(self, live: Specification, missing: list[str], *, above: int) -> None:
        current = self.worksite.routes.current(live.app)
        if current is not None and current.number > max(live.number, above):
            return  # switched and not yet concluded: its run will be taken up again and told
        if live.unresolvable:
            # What runs keeps what it was given; nothing is begun with a value that must not be used any more.
            if (live.deployment, live.unresolvable) not in self.told:
                self.told.add((live.deployment, live.unresolvable))
                say(f"{live.app_name}: nothing of it is started: {live.unresolvable}")
            return
        supervisor = self.worksite.supervisor(live.project, within=ANSWERS_WITHIN)
        if current is not None and current.deployment == live.deployment and not port_taken(supervisor, current):
            self._keep_running(supervisor, current, live)
            return
        release = releases.returnable(self.worksite, supervisor, live.app, live.deployment)
        if release is None and live.reuse:
            release = releases.returnable(self.worksite, supervisor, live.app, live.reuse)
        if release is None:
            missing.append(live.deployment)
            return
        say(f"{live.app_name}: starting deployment {live.number} again")
        attempt = self.worksite.routes.next_attempt(live.app, live.number)
        instance = starting.begin(self.worksite, supervisor, live, release=release, attempt=attempt)
        try:
            until_healthy(supervisor, instance, wait=self._wait, masks=live.masks)
        except Failed as failure:
            say(f"{live.app_name}: {failure}")
            if current is not None:
                # Something answers there: better an old release than one that is not well.
                starting.end(self.worksite, supervisor, instance)
                return
        self.endpoints.make(live)
        for newer in self.worksite.routes.instances(live.app):
            if live.number < newer.number <= above and newer.sealed:
                # It is on its way out now: a retry of its run is not to go forward with it.
                self.worksite.routes.record(replace(newer, sealed=False))
        self.worksite.routes.switch(instance, above=above)

    def _wait(self, seconds: float) -> None:
        if self.standing.stop.wait(seconds):
            raise Failed("the worker was stopped meanwhile")

    def _keep_running(self, supervisor: Supervisor, current: Instance, live: Specification) -> None:
        """The right one is current: bring back what of it does not run and nobody has stopped."""
        self.endpoints.make(live)
        self.worksite.routes.keep_masks(current, live.masks)
        for service in live.services:
            if service.name not in current.services:
                continue
            name = current.program(service.name)
            state = supervisor.state(name)
            rests = state is not None and state["state"] in {*programs.ENDED, programs.BACKOFF}
            if rests and not programs.begins_here(supervisor, name):
                # The supervisor keeps to what it has read: it has to forget the program before it reads of it again.
                programs.remove(supervisor, name, within=5)
                state = None
            if state is None or programs.read_spec(supervisor, name) is None:
                starting.ensure_program(supervisor, current, live, service)
                supervisor.start(name)
            elif state["state"] in programs.ENDED:
                supervisor.start(name)

    def _has_no_business(self, app: str) -> None:
        """An app that is not listed is stopped and its address freed."""
        instances = self.worksite.routes.instances(app)
        projects = {instance.project for instance in instances} | {
            str(kept.get("project")) for kept in self.worksite.routes.releases(app).values()
        }
        if not projects:
            return
        say(f"{app}: not desired here, stopping it")
        self.worksite.routes.close(app)
        for instance in instances:
            starting.end(self.worksite, self.worksite.supervisor(instance.project), instance)
        self.endpoints.free(app)
        for project in projects:
            names = [n for n, kept in self.worksite.routes.releases(app).items() if kept.get("project") == project]
            releases.delete(self.worksite, self.worksite.supervisor(project), app, names)


def port_taken(supervisor: Supervisor, instance: Instance) -> bool:
    """Whether a service lost its port to another program while it did not run: it has to come up on another one."""
    look, in_use = supervisor.look_around()
    programs_there = ((look.get(instance.program(name)), kept["port"]) for name, kept in instance.services.items())
    return any(program is not None and port in in_use - set(program["ports"]) for program, port in programs_there)
