"""Variables: values of a type, which everybody who sees their scope may read."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping

from environments.configuration import entries, values
from environments.configuration.entries import Content
from environments.models import Entry, EntryKind, Integration, VariableType
from environments.resolving import types
from environments.resolving.scopes import Scope
from projects import events
from projects.access import Actor


@events.operation
def create(
    scope: Scope,
    *,
    by: Actor,
    key: str,
    value: str,
    type: str = VariableType.TEXT,
    description: str = "",
    note: str = "",
    integration: Integration | None = None,
) -> Entry:
    """Set a key in a scope that has none of that name; Taken where it has."""
    content = Content(type=type, value=value, refers=values.check(value, type))
    description = values.check_text(description, field="description", longest=values.LONGEST_DESCRIPTION)
    entry = entries.begin(
        scope, by=by, kind=EntryKind.VARIABLE, key=key, integration=integration, description=description
    )
    made = entries.append(entry, content, by=by, note=note)
    entries.record("created", entry, by=by, number=made.number)
    return entry


@events.operation
def update(
    entry: Entry,
    *,
    by: Actor,
    value: str,
    type: str | None = None,
    note: str = "",
    seen: str | None = None,
    through: Integration | None = None,
) -> Entry:
    """Another value; the same one again makes no version."""
    entry = entries.change(entry, by=by, seen=seen, through=through)
    assert entry.current is not None
    type = type or entry.current.type
    content = Content(type=type, value=value, refers=values.check(value, type))
    if (entry.current.value, entry.current.type) != (value, type):
        made = entries.append(entry, content, by=by, note=note)
        entries.record("updated", entry, by=by, number=made.number)
    return entry


@events.operation
def replace(scope: Scope, wanted: Mapping[str, str], *, by: Actor) -> bool:
    """Make the variables of a scope these and no others; answers whether that changed anything.

    A variable that keeps its value keeps its type and its versions. What integrations set there stays.
    """
    here = {one.key: one for one in _of(scope)}
    for key in here.keys() - wanted.keys():
        entries.delete(here[key], by=by)
    changed = bool(here.keys() - wanted.keys())
    for key, value in wanted.items():
        entry = here.get(key)
        if entry is None:
            create(scope, by=by, key=key, value=value)
            changed = True
        elif entry.current is not None and entry.current.value != value:
            fits = not types.problem(value, entry.current.type)
            update(entry, by=by, value=value, type=None if fits else VariableType.TEXT)
            changed = True
    return changed


def changes(scope: Scope, wanted: Mapping[str, str]) -> int:
    """How many keys `replace` would change there."""
    here = {one.key: one.current.value for one in _of(scope) if one.current is not None}
    return len(here.keys() - wanted.keys()) + sum(here.get(key) != value for key, value in wanted.items())


def of_environments(ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, dict[str, str]]:
    """The variables set in each environment by hand and for nothing narrower, as they were set; one statement."""
    found: dict[uuid.UUID, dict[str, str]] = defaultdict(dict)
    rows = Entry.objects.filter(
        environment__in=list(ids),
        kind=EntryKind.VARIABLE,
        deleted_at=None,
        integration=None,
        project=None,
        app=None,
        team=None,
        agent=None,
    ).order_by("key")
    for environment_id, key, value in rows.values_list("environment_id", "key", "current__value"):
        found[environment_id][key] = value
    return found


def _of(scope: Scope) -> list[Entry]:
    rows = Entry.objects.filter(kind=EntryKind.VARIABLE, deleted_at=None, integration=None, **scope.columns)
    if scope.holder is None and scope.environment is None:
        raise ValueError("Only what is set for something can be replaced as a whole.")
    return list(rows.select_related("current").order_by("key"))


@events.operation
def restore(entry: Entry, number: int, *, by: Actor, note: str = "") -> Entry:
    """What version `number` said, as a new version; also of a variable that was deleted."""
    entries.check_restorable(entry, by=by)
    entry = entries.locked(entry)
    old = entries.restorable(entry, number)
    content = Content(type=old.type, value=old.value, refers=old.refers, restores=old.number)
    made = entries.append(entry, content, by=by, note=note)
    entries.record("restored", entry, by=by, number=made.number, restores=old.number)
    return entry
