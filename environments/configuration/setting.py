"""Setting a key where somebody is stopped for the lack of it: as it is there already, or for the first time."""

from environments.configuration import secrets, variables
from environments.configuration.entries import Kept
from environments.models import Entry, EntryKind
from environments.resolving.scopes import Scope
from projects import events
from projects.access import Actor
from projects.credentials import Secret


@events.operation
def put(scope: Scope, *, by: Actor, key: str, kind: str, value: str, type: str = "text", note: str = "") -> Entry:
    """The key has this value in this scope from now on, whether it was set there before or not."""
    found = _found(scope, by=by, key=key, kind=kind)
    if kind == EntryKind.SECRET:
        if found is None:
            return secrets.create(scope, by=by, key=key, value=Secret(value), note=note)
        return secrets.update(found, by=by, value=Secret(value), note=note)
    if found is None:
        return variables.create(scope, by=by, key=key, value=value, type=type, note=note)
    return variables.update(found, by=by, value=value, type=type, note=note)


@events.operation
def keep(scope: Scope, *, by: Actor, key: str, kept: Kept, note: str = "") -> Entry:
    """The secret lies in a store from now on, whether it was set there before or not."""
    found = _found(scope, by=by, key=key.strip(), kind=EntryKind.SECRET)
    if found is None:
        return secrets.create(scope, by=by, key=key, value=kept, note=note)
    return secrets.update(found, by=by, value=kept, note=note)


def _found(scope: Scope, *, by: Actor, key: str, kind: str) -> Entry | None:
    here = Entry.objects.filter(organization=by.organization, kind=kind, deleted_at=None, **scope.columns)
    return here.filter(key=key).first()
