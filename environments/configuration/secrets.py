"""Secrets: sealed at rest, shown by a click of their own to those who may, and never otherwise."""

import uuid
from collections.abc import Sequence
from datetime import date
from typing import Any

from django.utils import timezone

from environments import sealing
from environments.configuration import entries, rights, stores, values
from environments.configuration.entries import Content, Kept, Revoked
from environments.models import Entry, EntryKind, EntryVersion
from environments.resolving import candidates
from environments.resolving.scopes import Scope
from projects import events
from projects.access import Actor
from projects.credentials import Secret
from projects.errors import Conflict, NotAllowed


class WriteOnly(NotAllowed):
    code = "write-only"

    @staticmethod
    def sentence(key: str) -> str:
        return f"{key} is write-only: processes get it, and nobody can reveal it."


@events.operation
def create(
    scope: Scope,
    *,
    by: Actor,
    key: str,
    value: Secret | Kept,
    description: str = "",
    write_only: bool = False,
    rotate_on: date | None = None,
    note: str = "",
) -> Entry:
    """Set a secret in a scope that has no key of that name; Taken where it has."""
    refers = _checked(value, by=by)
    description = values.check_text(description, field="description", longest=values.LONGEST_DESCRIPTION)
    said: dict[str, Any] = {"description": description, "write_only": write_only, "rotate_on": rotate_on}
    entry = entries.begin(scope, by=by, kind=EntryKind.SECRET, key=key, **said)
    made = _append(entry, value, Content(refers=refers), by=by, note=note)
    entries.record("created", entry, by=by, number=made.number)
    return entry


@events.operation
def update(entry: Entry, *, by: Actor, value: Secret | Kept, note: str = "", seen: str | None = None) -> Entry:
    """Another value, or another place where it lies."""
    refers = _checked(value, by=by)
    entry = entries.change(entry, by=by, seen=seen)
    made = _append(entry, value, Content(refers=refers), by=by, note=note)
    entries.record("updated", entry, by=by, number=made.number)
    return entry


@events.operation
def restore(entry: Entry, number: int, *, by: Actor, note: str = "") -> Entry:
    """What version `number` said, as a new version; a revoked one stays dead."""
    entries.check_restorable(entry, by=by)
    entry = entries.locked(entry)
    old = entries.restorable(entry, number)
    made = _append(entry, _held(entry, old), Content(refers=old.refers, restores=old.number), by=by, note=note)
    entries.record("restored", entry, by=by, number=made.number, restores=old.number)
    return entry


@events.operation
def revoke(entry: Entry, number: int, *, by: Actor, destroy: bool = False) -> EntryVersion:
    """A version that is never used again, by nothing; destroying it takes its ciphertext away, too."""
    rights.check_write(entries.scope_of(entry), by=by)
    entry = entries.locked(entry)
    version = entries.version(entry, number)
    if version.deleted:
        raise Conflict(f"{entry.key} v{number} says that it was deleted: there is nothing to revoke.")
    if version.revoked_at is None:
        version.revoked_at, version.revoked_by = timezone.now(), by.label
        version.save(update_fields=["revoked_at", "revoked_by"])
        entries.changed(entry)
        entries.record("revoked", entry, by=by, number=number)
    if destroy and version.destroyed_at is None:
        version.destroyed_at, version.sealed = timezone.now(), None
        version.save(update_fields=["destroyed_at", "sealed"])
        entries.record("destroyed", entry, by=by, number=number)
    return version


@events.operation
def reveal(entry: Entry, *, by: Actor, number: int | None = None) -> Secret:
    """The value of the current version or of an older one; an event says who has seen it. Unresolvable where it lies
    in a store that does not give it."""
    check_reveal(entry, by=by)
    version = entry.current if number is None else entries.version(entry, number)
    assert version is not None
    if version.deleted:
        raise Revoked(f"{entry.key} was deleted; there is nothing to reveal.")
    value = _opened(entry, version)
    entries.record("revealed", entry, by=by, number=version.number)
    return value


def check_reveal(entry: Entry, *, by: Actor) -> None:
    rights.check_reveal(entries.scope_of(entry), by=by)
    if entry.write_only:
        raise WriteOnly(WriteOnly.sentence(entry.key))


def fingerprint(entry: Entry) -> str:
    """The same for the same value in this organization; to be shown only to those who may write it.

    No store is asked for it: of what lies elsewhere, the place is compared.
    """
    assert entry.current is not None
    held = _held(entry, entry.current)
    if isinstance(held, Kept):
        held = candidates.place_of(held.store.pk, held.path, held.field)
    return sealing.box(entry.organization_id).fingerprint(held)


def opened(found: Sequence[Entry]) -> dict[uuid.UUID, Secret]:
    """What each holds now, by entry, for rooms that have asked who may see or use it; nothing of what is revoked."""
    held = [(one, one.current) for one in found if one.current and one.current.sealed and not one.current.revoked_at]
    if not held:
        return {}
    box = sealing.box(held[0][0].organization_id)
    return {one.pk: box.open(version.sealed or b"", context=_context(one, version.number)) for one, version in held}


def _checked(value: Secret | Kept, *, by: Actor) -> bool:
    """Whether it refers to others; what lies in a store is taken as it is."""
    if isinstance(value, Kept):
        stores.check_refer(value, by=by)
        return False
    return values.check(value.reveal())


def _append(entry: Entry, value: Secret | Kept, content: Content, *, by: Actor, note: str) -> EntryVersion:
    if isinstance(value, Kept):
        stores.hold(value)
        return entries.append(entry, content, by=by, note=note, kept=value)
    number = entries.next_number(entry)
    sealed = sealing.box(entry.organization_id).seal(value, context=_context(entry, number))
    return entries.append(entry, content, by=by, note=note, sealed=sealed)


def _held(entry: Entry, version: EntryVersion) -> Secret | Kept:
    """The value of a version, or where it lies."""
    if version.revoked_at is not None or (version.sealed is None and version.store is None):
        word = "destroyed" if version.destroyed_at else "revoked"
        raise Revoked(f"{entry.key} v{version.number} is {word}.")
    if version.store is not None:
        return Kept(store=version.store, path=version.path, field=version.field)
    assert version.sealed is not None
    return sealing.box(entry.organization_id).open(version.sealed, context=_context(entry, version.number))


def _opened(entry: Entry, version: EntryVersion) -> Secret:
    held = _held(entry, version)
    return stores.read(held, key=entry.key) if isinstance(held, Kept) else held


def _context(entry: Entry, number: int) -> str:
    return candidates.context_of(entry, entry_id=entry.pk, number=number)
