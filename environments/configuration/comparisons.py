"""Environments compared for an app, a project or everything; and who is told whether two secrets are equal.

That two values are equal is told only of secrets that whoever asks may write on both sides, not too often, and as an
event: otherwise anybody could find a value out by setting guesses elsewhere.
"""

import uuid
from collections.abc import Sequence
from dataclasses import replace

from environments.configuration import placing, rights
from environments.models import Environment
from environments.resolving import comparing, explaining, scopes
from environments.resolving.candidates import Candidate
from environments.resolving.comparing import Comparison, Row
from environments.resolving.resolution import Resolution, Target
from environments.resolving.scopes import COLUMNS, Scope
from projects import events, limits
from projects.access import Actor
from projects.errors import UNSEEN, NotAllowed, NotFound
from projects.models import App, Project

MOST, SECONDS = 20, 600
MOST_TOLD = 50


def environments(by: Actor, idents: Sequence[str]) -> list[Environment]:
    """Those that are named by id or name, in this order; Invalid where they are too few, too many or the same."""
    # One more than may be compared is enough to see that there are too many.
    found = [placing.environment(by, ident) for ident in idents[: comparing.MOST + 1]]
    comparing.check(found)
    return found


def scope_of(one: Candidate, holder: Scope, *, by: Actor) -> str:
    """Where a value was set, in words, as `str(Scope)` says it."""
    project = holder.app.project if holder.app else holder.project
    held = holder.app if one.app_id else project if one.project_id else None
    return scopes.title(holder=held.name if held else "", environment=explaining.environment_of(one, by))


def sentence(row: Row, compared: Comparison) -> str:
    """The warning about a secret that a guarded environment shares."""
    places = [compared.environments[n] for n in row.shared]
    guarded = [one.title for one in places if comparing.is_guarded(one)]
    others = [one.title for one in places if not comparing.is_guarded(one)]
    verb = "shares" if len(guarded) == 1 else "share"
    return f"{' and '.join(guarded)} {verb} {row.key} with {', '.join(others)}."


def target(environment: Environment, holder: Scope) -> Target:
    """What holds in an environment for the app or project of `holder`, or for everything there."""
    return Target(
        organization_id=environment.organization_id,
        environment_id=environment.pk,
        project_id=holder.project_id,
        app_id=holder.app.pk if holder.app else None,
    )


def compare(environments: Sequence[Environment], holder: Scope, *, by: Actor) -> Comparison:
    """Without a secret opened for it: of secrets, only those of one and the same version are known to be equal."""
    return comparing.compare(environments, _found(environments, holder, by=by))


@events.operation
def compare_secrets(environments: Sequence[Environment], holder: Scope, *, by: Actor) -> Comparison:
    """With secrets by their fingerprints, as far as the actor may write them; an event for each environment."""
    found = _found(environments, holder, by=by)
    origins = _Scopes(environments, found, holder, by=by)
    known = [{key for key in one.masked if origins.may_write(one, key)} for one in found]
    if any(one.masked for one in found):
        if not any(known):
            raise NotAllowed("Secrets are compared only for those who may change them; ask an admin for a grant.")
        limits.spend(f"compare:{by.organization.pk}:{by.label}", most=MOST, seconds=SECONDS)
    for environment, keys in zip(environments, known, strict=True):
        if keys:
            _record(environment, holder, sorted(keys), by=by)
    return comparing.compare(environments, found, known)


def _found(environments: Sequence[Environment], holder: Scope, *, by: Actor) -> list[Resolution]:
    comparing.check(environments)
    for one in environments:
        check_seen(one, holder, by=by)
    return comparing.look([target(one, holder) for one in environments])


def check_seen(environment: Environment, holder: Scope, *, by: Actor) -> None:
    """NotFound where the actor does not see what the holder has there, or where it has no business."""
    if not by.sees(project_id=holder.project_id, environment_id=environment.pk):
        raise NotFound(UNSEEN)
    rights.check_place(replace(holder, environment=environment))


def _record(environment: Environment, holder: Scope, keys: list[str], *, by: Actor) -> None:
    more = len(keys) - MOST_TOLD
    events.record(
        "secret.compared",
        by=by,
        object={"kind": "environment", "id": environment.pk, "name": environment.title},
        project_id=holder.project_id or environment.project_id,
        environment_id=environment.pk,
        app_id=holder.app.pk if holder.app else None,
        keys=keys[:MOST_TOLD] + ([f"and {more} more"] if more > 0 else []),
    )


class _Scopes:
    """The scopes that values came from, each asked about once however many keys are set there."""

    def __init__(
        self, environments: Sequence[Environment], found: Sequence[Resolution], holder: Scope, *, by: Actor
    ) -> None:
        self.by, self.holder = by, holder
        self.places = {one.pk: one for one in environments}
        other = {one.environment_id for each in found for one in each.winners.values() if one.environment_id}
        self.places |= Environment.objects.in_bulk(other - self.places.keys())
        self.answers: dict[tuple[uuid.UUID | None, ...], bool] = {}

    def may_write(self, found: Resolution, key: str) -> bool:
        """Every secret that the value is or is built from."""
        return all(self._may(one) for one in found.secrets_in(key).values())

    def _may(self, one: Candidate) -> bool:
        columns = tuple(getattr(one, column) for column in COLUMNS)
        if columns not in self.answers:
            self.answers[columns] = rights.can_write(self._scope(one), by=self.by)
        return self.answers[columns]

    def _scope(self, one: Candidate) -> Scope:
        app: App | None = self.holder.app if one.app_id else None
        project: Project | None = (self.holder.project or (self.holder.app and self.holder.app.project)) or None
        return Scope(
            app=app,
            project=project if one.project_id else None,
            environment=self.places[one.environment_id] if one.environment_id else None,
        )
