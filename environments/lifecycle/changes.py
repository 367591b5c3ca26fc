"""Changing what is said about an environment."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from environments.lifecycle import fields as checks
from environments.lifecycle import wishes
from environments.lifecycle.creation import NameTaken
from environments.lifecycle.lookup import check_own
from environments.models import Environment
from projects import access, events
from projects.access import Actor, Permission
from projects.errors import Conflict, Invalid, NotAllowed, NotFound

FIXED = {
    "kind": "An environment stays permanent or ephemeral for life.",
    "project_id": "An environment stays with its project.",
    "provisioner": "The provisioner is chosen at creation; create a new environment for another one.",
}

# What a change of may be told with what it was before, so that it can be undone.
TOLD = {"name", "display_name", "description", "tags", "priority", "tier", "protected"}
# What the settings page shows of an environment: `updated_at` also moves with its state.
SHOWN = ("name", "display_name", "description", "tags", "tier", "protected", "env_vars")


class ChangedMeanwhile(Conflict):
    code = "changed-meanwhile"


def version(environment: Environment) -> str:
    """Another one as soon as anybody changes what the settings page shows."""
    shown = json.dumps([getattr(environment, name) for name in SHOWN], sort_keys=True)
    return hashlib.sha256(shown.encode()).hexdigest()[:32]


@events.operation
def update(environment: Environment, *, by: Actor, seen: str | None = None, **fields: Any) -> Environment:
    """Change the contract's `fields`; each replaces the whole value, `None` clears it. `status` starts or stops.

    With `seen`, the version that the one who asks has looked at, nothing newer is overwritten.
    """
    columns = checks.checked(fields)
    environment = Environment.objects.select_for_update(no_key=True).get(pk=environment.pk)
    if seen is not None and seen != version(environment):
        raise ChangedMeanwhile(
            f"Somebody changed the settings of {environment.title} meanwhile; compare them, then save again."
        )
    for name, sentence in FIXED.items():
        if name in columns and str(columns.pop(name) or "") != str(getattr(environment, name) or ""):
            raise Invalid.field(name, sentence)
    wanted = columns.pop("wanted", None)
    changed = sorted(name for name, value in columns.items() if getattr(environment, name) != value)
    if changed:
        check_manage(environment, by=by)
        if "protected" in changed:
            check_protect(environment, by=by)
        if environment.deleted_at:
            raise wishes.Terminating(f"{environment.title} is being terminated; it cannot be changed any more.")
        # Variables are nobody's to read in a log, and so nothing that it could give back.
        told = set(changed) <= TOLD
        values = {name: [getattr(environment, name), columns[name]] for name in changed} if told else {}
        _write(environment, {name: columns[name] for name in changed})
        events.record(
            "environment.updated",
            by=by,
            object={"kind": "environment", "id": environment.id, "name": environment.title},
            project_id=environment.project_id,
            environment_id=environment.id,
            changed=changed,
            values=values,
        )
    if wanted == Environment.Wanted.INACTIVE:
        wishes.stop(environment, by=by)
    elif wanted == Environment.Wanted.ACTIVE:
        wishes.start(environment, by=by)
    environment.refresh_from_db()
    return environment


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
