"""What variables and secrets have in common: looking them up, their versions, deleting and restoring."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from environments import tasks
from environments.configuration import rights, values
from environments.models import Entry, EntryKind, EntryVersion, Integration, SecretStore
from environments.resolving.scopes import Scope
from projects import assigned, events, scopes, versions
from projects.access import Actor
from projects.errors import Conflict, Invalid, NotFound
from projects.models import Agent, Team

CALLED = {EntryKind.VARIABLE: "variable", EntryKind.SECRET: "secret"}


class Taken(Conflict):
    code = "key-taken"


class Revoked(Conflict):
    code = "revoked"


class Deleted(Conflict):
    code = "deleted"


class FromIntegration(Conflict):
    """What an integration sets is changed where the integration is."""

    code = "from-integration"


@dataclass(frozen=True, kw_only=True)
class Content:
    """What one version holds: a variable's value, or a secret's ciphertext once its number is known."""

    type: str = "text"
    value: str = ""
    refers: bool = False
    deleted: bool = False
    restores: int | None = None


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Where a secret's value lies that is not kept here."""

    store: SecretStore
    path: str
    field: str


def visible(actor: Actor, kind: str | None = None, *, deleted: bool = False) -> QuerySet[Entry]:
    """The entries that an actor may know of, oldest first; deleted ones only when asked for, and then they alone.

    What was set in an environment that is gone is nobody's any more.
    """
    found = Entry.objects.filter(organization=actor.organization, deleted_at__isnull=not deleted)
    found = found.filter(Q(environment=None) | Q(environment__deleted_at=None))
    if kind is not None:
        found = found.filter(kind=kind)
    return _related(found.filter(_seen(actor))).order_by("created_at", "id")


def find(actor: Actor, ident: str | uuid.UUID, kind: str | None = None, *, held: bool = False) -> Entry:
    """Also a deleted one, whose versions can be looked at and restored; `held` until the operation ends."""
    found = _related(Entry.objects.filter(_seen(actor), organization=actor.organization))
    if kind is not None:
        found = found.filter(kind=kind)
    try:
        if held:
            hold(found.filter(pk=uuid.UUID(str(ident))).values_list("pk", flat=True))
        return found.get(pk=uuid.UUID(str(ident)))
    except (ValueError, Entry.DoesNotExist):
        raise NotFound(f"There is no such {CALLED[EntryKind(kind)] if kind else 'key'}.") from None


def _seen(actor: Actor) -> Q:
    """By its project and environment; by its team or agent, as long as there is one, to those who see that."""
    within = scopes.rows(actor, project="within", environment="environment", lacking=("within", "environment"))
    team = assigned.seen(actor, Team, row="team") & Q(team__archived_at=None)
    agent = assigned.seen(actor, Agent, row="agent") & Q(agent__archived_at=None)
    return within & team & agent


def history(entry: Entry) -> QuerySet[EntryVersion]:
    """Newest first."""
    return entry.versions.order_by("-number")


def version(entry: Entry, number: int) -> EntryVersion:
    found = entry.versions.filter(number=number).first()
    if found is None:
        raise NotFound(f"{entry.key} has no version {number}.")
    return found


def scope_of(entry: Entry) -> Scope:
    return Scope(
        project=entry.project, app=entry.app, team=entry.team, agent=entry.agent, environment=entry.environment
    )


def tag(entry: Entry) -> str:
    """Another one as soon as anybody changes what the key's page shows."""
    return versions.of(entry, ("current_id", "description", "write_only", "rotate_on"))


def begin(
    scope: Scope, *, by: Actor, kind: EntryKind, key: str, integration: Integration | None = None, **columns: Any
) -> Entry:
    """The row for a key that is set in a scope for the first time, or again after it was deleted there.

    Who sets it for an `integration` has been asked for their rights already.
    """
    key = values.check_key(key)
    columns["integration"] = integration
    if integration is None:
        rights.check_write(scope, by=by)
        if (environment := scope.environment) is not None and environment.deleted_at is not None:
            raise NotFound("There is no such environment.")
    at = {"organization": by.organization, "kind": kind, "key": key, **scope.columns}
    before = Entry.objects.select_for_update(no_key=True).filter(**at).order_by("-updated_at").first()
    try:
        with transaction.atomic():
            if before is None:
                return Entry.objects.create(**at, within_id=scope.within, created_by=by.label, **columns)
            if before.deleted_at is None:
                raise IntegrityError
            if before.write_only:  # its versions are still there, and nobody was ever to reveal them
                columns["write_only"] = True
            Entry.objects.filter(pk=before.pk).update(deleted_at=None, updated_at=timezone.now(), **columns)
    except IntegrityError:
        here = Entry.objects.filter(organization=by.organization, key=key, deleted_at=None, **scope.columns)
        check_by_hand(*here.select_related("integration"))
        raise Taken.about("key", f"{key} is set for {scope} already; change it there.") from None
    return locked(before)


def check_by_hand(*found: Entry, through: Integration | None = None) -> None:
    """FromIntegration for what an integration has set, unless it is that one `through` which it is changed."""
    for entry in found:
        if entry.integration is not None and entry.integration != through:
            raise FromIntegration(f"{entry.key} comes from the integration {entry.integration.name}; change it there.")


def locked(entry: Entry) -> Entry:
    """As it is now, held until the operation ends."""
    hold([entry.pk])
    return _related(Entry.objects.all()).get(pk=entry.pk)


def hold(ids: Iterable[uuid.UUID]) -> None:
    """Lock them before they are read: who waited for a lock would join the new row to versions of before."""
    rows = Entry.objects.select_for_update(no_key=True).filter(pk__in=list(ids)).order_by("pk")
    list(rows.values_list("pk", flat=True))


def change(entry: Entry, *, by: Actor, seen: str | None = None, through: Integration | None = None) -> Entry:
    """The entry behind its lock, for whoever may change it; Stale where `seen` is not what it is now.

    Who changes it `through` its integration has been asked for their rights already.
    """
    if through is None:
        rights.check_write(scope_of(entry), by=by)
    entry = locked(entry)
    check_by_hand(entry, through=through)
    versions.check(seen, tag(entry), called=entry.key)
    if entry.deleted_at is not None:
        raise Deleted(f"{entry.key} was deleted; restore a version of it first.")
    return entry


def check_restorable(entry: Entry, *, by: Actor) -> None:
    rights.check_write(scope_of(entry), by=by)


def restorable(entry: Entry, number: int) -> EntryVersion:
    """The version, if what it says can hold again, of an entry behind its lock."""
    check_by_hand(entry)
    found = version(entry, number)
    if found.deleted:
        raise Conflict(f"{entry.key} v{number} says that it was deleted; choose a version with a value.")
    if found.revoked_at is not None:
        raise Revoked(f"{entry.key} v{number} is revoked and never used again; set a new value.")
    return found


def append(
    entry: Entry, content: Content, *, by: Actor, note: str, sealed: bytes | None = None, kept: Kept | None = None
) -> EntryVersion:
    """One more version, which holds from now on."""
    made = EntryVersion.objects.create(
        entry=entry,
        number=next_number(entry),
        type=content.type,
        value=content.value,
        sealed=sealed,
        store=kept.store if kept else None,
        path=kept.path if kept else "",
        field=kept.field if kept else "",
        refers=content.refers,
        deleted=content.deleted,
        restores=content.restores,
        note=values.check_text(note.strip(), field="note", longest=values.LONGEST_NOTE),
        created_by=by.label,
    )
    entry.current = made
    entry.deleted_at = made.created_at if content.deleted else None
    if content.deleted:
        entry.integration = None  # whoever sets the key again does so by hand
    try:
        with transaction.atomic():
            changed(entry, at=made.created_at, also=("current", "deleted_at", "integration"))
    except IntegrityError:
        raise Taken(f"{entry.key} has been set for {scope_of(entry)} anew meanwhile; change it there.") from None
    return made


def changed(entry: Entry, *, at: datetime | None = None, also: Sequence[str] = ()) -> None:
    """What runs with it has to be compared with what it is now."""
    entry.updated_at, entry.unsettled = at or timezone.now(), True
    entry.save(update_fields=["updated_at", "unsettled", *also])
    tasks.ring_for_configuration()


def next_number(entry: Entry) -> int:
    return (entry.versions.order_by("-number").values_list("number", flat=True).first() or 0) + 1


@events.operation
def delete(
    entry: Entry, *, by: Actor, seen: str | None = None, note: str = "", through: Integration | None = None
) -> Entry:
    """It holds nowhere any more; a version of it can be restored."""
    entry = change(entry, by=by, seen=seen, through=through)
    made = append(entry, Content(deleted=True), by=by, note=note)
    record("deleted", entry, by=by, number=made.number, **({"integration": through.name} if through else {}))
    return entry


@events.operation
def describe(entry: Entry, *, by: Actor, seen: str | None = None, **columns: Any) -> Entry:
    """Change what is said about a key; its value stays."""
    entry = change(entry, by=by, seen=seen)
    if "description" in columns:
        columns["description"] = values.check_text(
            columns["description"] or "", field="description", longest=values.LONGEST_DESCRIPTION
        )
    if columns.get("write_only") is False and entry.write_only:
        raise Invalid.field("write_only", "A write-only secret stays one: make a new secret.")
    changed = sorted(name for name, value in columns.items() if getattr(entry, name) != value)
    if changed:
        for name in changed:
            setattr(entry, name, columns[name])
        entry.updated_at = timezone.now()
        entry.save(update_fields=[*changed, "updated_at"])
        record("described", entry, by=by, changed=changed)
    return entry


def record(verb: str, entry: Entry, *, by: Actor, **data: Any) -> None:
    """One sentence's worth about a key, never its value."""
    crew = entry.team or entry.agent
    if entry.integration is not None:
        data["integration"] = entry.integration.name
    events.record(
        f"{entry.kind}.{verb}",
        by=by,
        object={"kind": entry.kind, "id": entry.id, "name": entry.key},
        project_id=entry.within_id or (assigned.project_of_events(crew) if crew else None),
        environment_id=entry.environment_id,
        app_id=entry.app_id,
        subjects=[f"{holder}:{ident}" for holder in ("team", "agent") if (ident := getattr(entry, f"{holder}_id"))]
        + ["configuration"],
        scope=str(scope_of(entry)),
        **data,
    )


def _related(found: QuerySet[Entry]) -> QuerySet[Entry]:
    return found.select_related("current", "project", "app__project", "team", "agent", "environment", "integration")
