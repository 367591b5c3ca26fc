"""Changing what is said about an environment."""

import uuid
from collections.abc import Callable
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from environments.configuration import amounts, enabling, variables
from environments.lifecycle import basing, wishes
from environments.lifecycle import fields as checks
from environments.lifecycle.creation import INTEGRATIONS, NameTaken
from environments.lifecycle.lookup import check_own
from environments.models import Environment
from environments.resolving.scopes import Scope
from projects import access, events, versions
from projects.access import Actor, Permission
from projects.errors import Invalid, NotAllowed, NotFound

FIXED = {
    "kind": "An environment stays permanent or ephemeral for life.",
    "project_id": "An environment stays with its project.",
    "provisioner": "The provisioner is chosen at creation; create a new environment for another one.",
}

# What a change of may be told with what it was before, so that it can be undone.
TOLD = {"name", "display_name", "description", "tags", "priority", "tier", "protected", "based_on_id"}
# What the settings page shows of an environment: `updated_at` also moves with its state.
SHOWN = ("name", "display_name", "description", "tags", "tier", "protected", "based_on_id")


def version(environment: Environment) -> str:
    """Another one as soon as anybody changes what the settings page shows."""
    enabled = enabling.of_holders("environment", [environment.pk])[environment.pk]
    beside = variables.of_environments([environment.pk])[environment.pk]
    return versions.of(environment, SHOWN, also={**beside, "": " ".join(map(str, enabled))})


@events.operation
def update(environment: Environment, *, by: Actor, seen: str | None = None, **fields: Any) -> Environment:
    """Change the contract's `fields`; each replaces the whole value, `None` clears it. `status` starts or stops.

    With `seen`, the version that the one who asks has looked at, nothing newer is overwritten.
    """
    columns = checks.checked(fields)
    environment = Environment.objects.select_for_update(no_key=True).get(pk=environment.pk)
    versions.check(seen, version(environment), called=environment.title)
    for name, sentence in FIXED.items():
        if name in columns and str(columns.pop(name) or "") != str(getattr(environment, name) or ""):
            raise Invalid.field(name, sentence)
    wanted = columns.pop("wanted", None)
    _configure(environment, columns.pop("env_vars", None), columns.pop("integration_ids", None), by=by)
    if "based_on" in columns:
        columns["based_on_id"] = _based_on(environment, columns.pop("based_on"), by=by)
    changed = sorted(name for name, value in columns.items() if getattr(environment, name) != value)
    if changed:
        check_manage(environment, by=by)
        if "protected" in changed:
            check_protect(environment, by=by)
        if environment.deleted_at:
            raise wishes.Terminating(f"{environment.title} is being terminated; it cannot be changed any more.")
        # What people may have put a credential into is nobody's to read in a log.
        told = set(changed) <= TOLD
        values = (
            {_called(name): [_told(getattr(environment, name)), _told(columns[name])] for name in changed}
            if told
            else {}
        )
        _write(environment, {name: columns[name] for name in changed})
        events.record(
            "environment.updated",
            by=by,
            object={"kind": "environment", "id": environment.id, "name": environment.title},
            project_id=environment.project_id,
            environment_id=environment.id,
            changed=[_called(name) for name in changed],
            values=values,
        )
    if wanted == Environment.Wanted.INACTIVE:
        wishes.stop(environment, by=by)
    elif wanted == Environment.Wanted.ACTIVE:
        wishes.start(environment, by=by)
    environment.refresh_from_db()
    return environment


def _configure(
    environment: Environment, env_vars: dict[str, str] | None, integration_ids: list[Any] | None, *, by: Actor
) -> None:
    """What is disabled leaves its names free, and what is set by hand no more leaves them to integrations."""
    scope = Scope(environment=environment)
    wanted = enabling.find(integration_ids or (), by=by, field=INTEGRATIONS)
    amounts.check(
        scope,
        env_vars=env_vars,
        integrations=wanted if integration_ids is not None else None,
        field="execution_environment",
    )
    if integration_ids is not None:
        enabling.leave_out(scope, (one.pk for one in wanted), by=by)
    if env_vars is not None:
        variables.replace(scope, env_vars, by=by)
    enabling.take_up(scope, wanted, by=by)


def _based_on(environment: Environment, ident: Any, *, by: Actor) -> uuid.UUID | None:
    """What is named, judged where it is another one than before."""
    if str(ident or "") == str(environment.based_on_id or ""):
        return environment.based_on_id
    base = basing.base(by, ident)
    if base is None or base.pk != environment.based_on_id:
        check_manage(environment, by=by)
        basing.check(environment, base, by=by)
    return base.pk if base else None


def _called(column: str) -> str:
    """The log calls the fields what REST calls them."""
    return column.removesuffix("_id")


def _told(value: Any) -> Any:
    return str(value) if isinstance(value, uuid.UUID) else value


def _write(environment: Environment, columns: dict[str, Any]) -> None:
    try:
        with transaction.atomic():
            Environment.objects.filter(pk=environment.pk).update(**columns, updated_at=timezone.now())
    except IntegrityError:
        raise NameTaken.about("name", "An environment of this name exists already; choose another name.") from None
    environment.refresh_from_db()


def check_manage(environment: Environment, *, by: Actor) -> None:
    """Admins manage environments; operators those that belong to a project of theirs."""
    ephemeral = environment.kind == Environment.Kind.EPHEMERAL
    _require(Permission.CREATE_EPHEMERAL if ephemeral else Permission.MANAGE_ENVIRONMENTS, environment, by=by)


def can_manage(environment: Environment, *, by: Actor) -> bool:
    return _can(check_manage, environment, by=by)


def check_protect(environment: Environment, *, by: Actor) -> None:
    """Protecting and lifting the protection are an admin's: it is there for what an operator must not change."""
    _require(Permission.MANAGE_ENVIRONMENTS, environment, by=by)


def can_protect(environment: Environment, *, by: Actor) -> bool:
    return _can(check_protect, environment, by=by)


def _can(check: Callable[..., None], environment: Environment, *, by: Actor) -> bool:
    try:
        check(environment, by=by)
    except (NotAllowed, NotFound):
        return False
    return True


def _require(permission: Permission, environment: Environment, *, by: Actor) -> None:
    check_own(environment, by=by)
    access.require(
        by,
        permission,
        project_id=environment.project_id,
        environment_id=environment.id,
        protected=environment.protected,
    )
