"""A key of one environment set in another one: first what that would replace, then as any other change."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from environments.configuration import comparisons, entries, rights, secrets, variables
from environments.models import Entry, EntryKind, Environment
from environments.resolving import resolution
from environments.resolving.scopes import Scope
from projects import events
from projects.access import Actor
from projects.credentials import Secret
from projects.errors import Conflict, NotFound
from projects.versions import ChangedMeanwhile

LEVELS = ("app", "project", "environment")


@dataclass(frozen=True, kw_only=True)
class Copy:
    """`value` and `replaced` are those of variables; a secret is copied without being shown, and never compared.

    `digest` is another one as soon as another version would be copied, or would be replaced.
    """

    source: Entry
    scope: Scope
    replaces: Entry | None
    digest: str
    given: Secret = field(repr=False)

    @property
    def value(self) -> str | None:
        return None if self.source.kind == EntryKind.SECRET else self.given.reveal()

    @property
    def replaced(self) -> str | None:
        shown = self.replaces is not None and self.replaces.kind == EntryKind.VARIABLE
        return self.replaces.current.value if shown and self.replaces and self.replaces.current else None

    @property
    def is_same(self) -> bool:
        return self.value is not None and self.value == self.replaced


def scopes(environment: Environment, holder: Scope) -> dict[str, Scope]:
    """Where a key may be set in an environment so that it holds for the holder there, the narrowest first."""
    project = holder.app.project if holder.app else holder.project
    every = {
        "app": Scope(app=holder.app, environment=environment) if holder.app else None,
        "project": Scope(project=project, environment=environment) if project else None,
        "environment": Scope(environment=environment),
    }
    return {level: scope for level, scope in every.items() if scope}


def level_of(copied: Entry) -> str:
    """The level at which it is set where it comes from."""
    return "app" if copied.app_id else "project" if copied.project_id else "environment"


def winner(key: str, origin: Environment, holder: Scope, *, by: Actor) -> Entry:
    """The entry that gives a key its value there."""
    comparisons.check_seen(origin, holder, by=by)
    found = resolution.resolve(comparisons.target(origin, holder)).winners.get(key)
    if found is None:
        raise NotFound(f"{key} is not set in {origin.title}.")
    entry = Entry.objects.select_related("current", "environment").get(pk=found.entry_id)
    if entry.kind == EntryKind.SECRET:
        rights.check_use(Scope(app=holder.app, project=holder.project, environment=origin), by=by)
    return entry


def preview(key: str, origin: Environment, holder: Scope, scope: Scope, *, by: Actor) -> Copy:
    """What copying would set and replace, for whoever may write there and may use a secret where it comes from."""
    rights.check_write(scope, by=by)
    return _copy(winner(key, origin, holder, by=by), scope, by=by)


@events.operation
def copy(
    key: str, origin: Environment, holder: Scope, scope: Scope, *, by: Actor, seen: str | None = None
) -> tuple[Copy, Entry]:
    """Do it as one more version; ChangedMeanwhile where `seen`, the digest of a preview, is not what would be done."""
    made = preview(key, origin, holder, scope, by=by)
    if made.replaces is not None:
        made = _copy(made.source, scope, by=by, replaces=entries.locked(made.replaces))
    if seen is not None and seen != made.digest:
        raise ChangedMeanwhile(f"Somebody changed {key} meanwhile; look at what would be copied now, then copy again.")
    assert made.source.current is not None
    note = f"copied from {origin.title}, v{made.source.current.number}"
    return made, _secret(made, by=by, note=note) if made.value is None else _variable(made, by=by, note=note)


def _copy(source: Entry, scope: Scope, *, by: Actor, replaces: Entry | None = None) -> Copy:
    here = Entry.objects.filter(organization=by.organization, key=source.key, deleted_at=None, **scope.columns)
    replaces = replaces or here.select_related("current", "integration").first()
    if replaces is not None and replaces.pk == source.pk:
        raise Conflict(f"{source.key} comes from {scope} itself; choose another place.")
    if replaces is not None:
        entries.check_by_hand(replaces)
    if replaces is not None and replaces.kind != source.kind:
        raise Conflict(f"{source.key} is a {replaces.kind} in {scope}; delete it there first.")
    said = [source.current_id, replaces and replaces.current_id, sorted(scope.columns.items())]
    digest = hashlib.sha256(repr(said).encode()).hexdigest()[:32]
    return Copy(source=source, scope=scope, replaces=replaces, digest=digest, given=_held(source))


def _held(source: Entry) -> Secret:
    assert source.current is not None
    if source.kind == EntryKind.VARIABLE:
        return Secret(source.current.value)
    held = secrets.opened([source])
    if source.pk not in held:
        raise entries.Revoked(f"{source.key} v{source.current.number} is revoked and never used again.")
    return held[source.pk]


def _variable(made: Copy, *, by: Actor, note: str) -> Entry:
    assert made.source.current is not None
    said: dict[str, Any] = {"value": made.given.reveal(), "type": made.source.current.type, "note": note}
    if made.replaces is not None:
        return variables.update(made.replaces, by=by, **said)
    description = made.source.description
    return variables.create(made.scope, by=by, key=made.source.key, description=description, **said)


def _secret(made: Copy, *, by: Actor, note: str) -> Entry:
    """What nobody can reveal where it comes from, nobody can reveal where it goes."""
    source = made.source
    if made.replaces is None:
        said: dict[str, Any] = {"description": source.description, "write_only": source.write_only}
        return secrets.create(made.scope, by=by, key=source.key, value=made.given, note=note, **said)
    if source.write_only and not made.replaces.write_only:
        entries.describe(made.replaces, by=by, write_only=True)
    return secrets.update(made.replaces, by=by, value=made.given, note=note)
