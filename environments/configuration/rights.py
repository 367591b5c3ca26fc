"""Who may set values where: a value in a wide scope reaches every environment below it."""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from environments.models import Environment
from environments.resolving import inheritance
from environments.resolving.scopes import Scope
from projects import access
from projects.access import Actor, Permission
from projects.errors import UNSEEN, NotAllowed, NotFound


@dataclass(frozen=True)
class Reach:
    """What was looked up once for many scopes: whom each environment's values reach, and which are protected."""

    heirs: dict[uuid.UUID, list[Environment]]
    protected: list[Environment]


def reach(environments: Iterable[Environment], *, by: Actor) -> Reach:
    """For scopes with or without one of these; the number of statements does not grow with them."""
    found = list(environments)
    children: dict[uuid.UUID, list[Environment]] = {}
    for one in (*found, *inheritance.heirs(*found)):  # one of them may be another's heir
        if one.based_on_id is not None and one.deleted_at is None:
            children.setdefault(one.based_on_id, []).append(one)
    below: dict[uuid.UUID, list[Environment]] = {}
    for environment in found:
        reached = list(children.get(environment.pk, []))
        for one in reached:  # grows while it is walked through
            reached += [child for child in children.get(one.pk, []) if child not in reached]
        below[environment.pk] = reached
    return Reach(below, list(_protected(by)))


def check_write(scope: Scope, *, by: Actor, known: Reach | None = None) -> None:
    """NotFound or NotAllowed for whoever may not set a value that reaches all that this scope reaches.

    Who may write may use every secret that is resolved there, so that values may refer to them.
    """
    _check_own(scope, by=by)
    if scope.environment is not None:
        _require(by, Permission.CONFIGURE, scope, scope.environment)
        for heir in _heirs(scope.environment, known):
            _check_heir(heir, scope, by=by)
    else:
        protected = _protected_below(scope, by=by, known=known)
        here = access.allows(by, Permission.CONFIGURE, project_id=scope.project_id)
        if (
            protected
            and here
            and not access.allows(by, Permission.CONFIGURE, project_id=scope.project_id, protected=True)
        ):
            seen = by.sees(project_id=protected.project_id, environment_id=protected.pk)
            name = protected.title if seen else "an environment that you do not see"
            raise NotAllowed(
                f"A value for {scope} also reaches {name}, which is protected. Set it in one environment, "
                "or ask an admin."
            )
        access.require(by, Permission.CONFIGURE, project_id=scope.project_id, protected=protected is not None)


def can_write(scope: Scope, *, by: Actor, known: Reach | None = None) -> bool:
    return not why_not(scope, by=by, known=known)


def why_not(scope: Scope, *, by: Actor, known: Reach | None = None) -> str:
    """The sentence that says why values may not be set there; empty where they may."""
    return _why_not(check_write, scope, by=by, known=known)


def check_use(scope: Scope, *, by: Actor) -> None:
    """Who may set values somewhere may use every secret that is resolved there, without seeing it."""
    _check_own(scope, by=by)
    _require(by, Permission.CONFIGURE, scope, scope.environment)


def can_use(scope: Scope, *, by: Actor) -> bool:
    return not _why_not(check_use, scope, by=by)


def check_reveal(scope: Scope, *, by: Actor) -> None:
    _check_own(scope, by=by)
    _require(by, Permission.REVEAL, scope, scope.environment)


def can_reveal(scope: Scope, *, by: Actor) -> bool:
    return not why_not_reveal(scope, by=by)


def why_not_reveal(scope: Scope, *, by: Actor) -> str:
    """The sentence that says why its secrets may not be revealed; empty where they may."""
    return _why_not(check_reveal, scope, by=by)


def _require(by: Actor, permission: Permission, scope: Scope, environment: Environment | None) -> None:
    access.require(
        by,
        permission,
        project_id=scope.project_id or (environment.project_id if environment else None),
        environment_id=environment.pk if environment else None,
        protected=bool(environment and environment.protected),
    )


def _why_not(check: Callable[..., None], scope: Scope, **asked: Any) -> str:
    try:
        check(scope, **asked)
    except (NotAllowed, NotFound) as refused:
        return refused.detail
    return ""


def _heirs(environment: Environment, known: Reach | None) -> list[Environment]:
    return inheritance.heirs(environment) if known is None else known.heirs.get(environment.pk, [])


def check_place(scope: Scope) -> None:
    """NotAllowed for what an app or project would have in an environment that belongs to another project."""
    environment = scope.environment
    if environment is not None and scope.project_id and environment.project_id not in (None, scope.project_id):
        raise NotAllowed(f"{environment.title} belongs to another project.")


def _check_heir(heir: Environment, scope: Scope, *, by: Actor) -> None:
    """What inherits is asked of as an environment alone: it may belong to a project that nobody here is to know of."""
    if not access.allows(
        by, Permission.CONFIGURE, project_id=scope.project_id, environment_id=heir.pk, protected=heir.protected
    ):
        seen = by.sees(project_id=heir.project_id, environment_id=heir.pk)
        name = heir.title if seen else "an environment that you do not see"
        raise NotAllowed(f"A value for {scope} also reaches {name}, which inherits it; ask an admin.")


def _protected(by: Actor) -> QuerySet[Environment]:
    return Environment.objects.filter(organization=by.organization, protected=True, deleted_at=None).order_by("name")


def _protected_below(scope: Scope, *, by: Actor, known: Reach | None) -> Environment | None:
    """A protected environment that a value without one would reach."""
    project = scope.app.project if scope.app else scope.project
    only = project.restrict_to_environment_id if project else None
    for one in known.protected if known is not None else _protected(by):
        of_another = project is not None and one.project_id not in (None, project.pk)
        if only in (None, one.pk) and not of_another:
            return one
    return None


def _check_own(scope: Scope, *, by: Actor) -> None:
    parts = (scope.holder, scope.environment)
    access.require_own(by, *(part.organization_id for part in parts if part is not None))
    check_place(scope)
    crew = scope.team or scope.agent
    if crew is not None and crew.archived_at is not None:
        raise NotFound(UNSEEN)
