"""Enabling integrations in an environment, for a team or for an agent: there they set ordinary variables.

So whatever holds for variables holds for these, but that nobody changes them by hand.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.db.models import Q, QuerySet

from environments.configuration import catalogue, entries, rights, variables
from environments.configuration.entries import Taken
from environments.models import Entry, EntryKind, Integration, State
from environments.resolving.scopes import COLUMNS, Scope
from projects import access, assigned, events
from projects.access import Actor
from projects.errors import Exhausted, Invalid, NotFound

# Scopes in which one is enabled: a change of it writes in all of them in one operation, which records 500 events.
MOST_PLACES = 480 // catalogue.MOST_ROWS
# What stands for a place that whoever asks does not see.
UNSEEN = "a place that you do not see"


@events.operation
def enable(integration: Integration, scope: Scope, *, by: Actor) -> bool:
    """It sets its variables there from now on; answers whether that is new. Taken where somebody has set one."""
    integration = _asked(integration, scope, by=by)
    if _here(scope).filter(integration=integration).exists():
        return False
    if (environment := scope.environment) is not None and environment.deleted_at is not None:
        raise NotFound("There is no such environment.")
    if _rewritten(integration).order_by().values(*COLUMNS).distinct().count() >= MOST_PLACES:
        raise Exhausted(
            f"{integration.name} is enabled in {MOST_PLACES} places already: enable it in an environment that "
            "others are based on, or make a second one."
        )
    _record("integration.enabled", integration, scope, by=by)
    for row in catalogue.rows(integration):
        _create(integration, scope, row, by=by)
    return True


@events.operation
def disable(integration: Integration, scope: Scope, *, by: Actor) -> bool:
    """Its variables hold there no more; answers whether they did."""
    integration = _asked(integration, scope, by=by)
    return _disable(integration, scope, by=by)


@events.operation
def leave_out(scope: Scope, kept: Iterable[uuid.UUID], *, by: Actor) -> list[Integration]:
    """Disable all but these there, before variables are set by hand that may take their names; then `take_up` these.

    Nothing is asked of who leaves all as it is.
    """
    here, wanted = {one.pk: one for one in of_scope(scope)}, set(kept)
    _hold(here.keys() ^ wanted)
    return [one for ident, one in here.items() if ident not in wanted and disable(one, scope, by=by)]


@events.operation
def take_up(scope: Scope, wanted: Iterable[Integration], *, by: Actor) -> list[Integration]:
    """Enable these there. Nothing is asked for what is enabled already."""
    here = {one.pk for one in of_scope(scope)}
    new = [one for one in wanted if one.pk not in here]
    _hold(one.pk for one in new)
    return [one for one in new if enable(one, scope, by=by)]


@events.operation
def clear(scope: Scope, *, by: Actor) -> None:
    """Disable all of them there, for a room that has asked who may: what they are enabled for goes."""
    here = of_scope(scope)
    _hold(one.pk for one in here)
    for integration in here:
        _disable(integration, scope, by=by)


@events.operation
def rewrite(integration: Integration, *, by: Actor) -> None:
    """What it sets everywhere says what it says now, for its own room, which has asked who may."""
    wanted = {row.key: row for row in catalogue.rows(integration)}
    for scope, found in everywhere(integration, terminating=True):
        present = {one.key: one for one in found}
        for key in sorted(present.keys() - wanted.keys()):
            entries.delete(present[key], by=by, note=_note(integration), through=integration)
        for key, row in wanted.items():
            current = present[key].current if key in present else None
            # Nobody else writes it, and its integration is held: what is the same stays so.
            if current is not None and (current.value, current.type) == (row.value, row.type):
                continue
            if key in present:
                told: dict[str, Any] = {"value": row.value, "type": row.type, "note": _note(integration)}
                variables.update(present[key], by=by, through=integration, **told)
            else:
                _create(integration, scope, row, by=by)


def find(ids: Iterable[Any], *, by: Actor, field: str) -> list[Integration]:
    """Those that are named, each once; Invalid, naming the field, where one is not there."""
    wanted: list[uuid.UUID] = []
    for one in ids:
        try:
            wanted.append(uuid.UUID(str(one)))
        except ValueError:
            raise Invalid.field(field, f"there is no integration {one}") from None
    known = Integration.objects.filter(organization=by.organization, pk__in=wanted) if by.rights else []
    found = {one.pk: one for one in known}
    for ident in wanted:
        if ident not in found:
            raise Invalid.field(field, f"there is no integration {ident}")
    return list(found.values())


def checked(field: str, value: Any) -> list[Any]:
    """A list of ids as REST takes it; null is an empty one."""
    value = [] if value is None else value
    if not isinstance(value, list) or len(value) > 100:
        raise Invalid.field(field, "give a list of at most 100 ids of integrations")
    return value


def of_scope(scope: Scope) -> list[Integration]:
    """Those that are enabled in this very scope."""
    ids = _here(scope).values_list("integration", flat=True)
    return list(Integration.objects.filter(pk__in=ids).order_by("pk"))


def of_holders(column: str, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, list[uuid.UUID]]:
    """Ids of what is enabled in each of these environments, teams or agents themselves; one statement."""
    found: dict[uuid.UUID, list[uuid.UUID]] = defaultdict(list)
    rows = _living().filter(integration__isnull=False, **{f"{column}__in": list(ids)})
    for holder, ident in rows.order_by("integration").values_list(f"{column}_id", "integration_id").distinct():
        found[holder].append(ident)
    return found


def everywhere(integration: Integration, *, terminating: bool = False) -> list[tuple[Scope, list[Entry]]]:
    """Every scope in which it is enabled, whoever may see it, with what it sets there.

    `terminating` environments may come back: what it sets there is kept as it says.
    """
    by_scope: dict[tuple[Any, ...], list[Entry]] = {}
    found = _rewritten(integration) if terminating else _living().filter(integration=integration)
    for entry in _related(found).order_by("created_at", "pk"):
        by_scope.setdefault(tuple(getattr(entry, column) for column in COLUMNS), []).append(entry)
    return [(entries.scope_of(found[0]), found) for found in by_scope.values()]


def places(integration: Integration, *, by: Actor) -> list[Scope]:
    """The scopes in which it is enabled, as far as the actor sees them, by name."""
    return by_integration([integration], by=by)[integration.pk]


def by_integration(found: Iterable[Integration], *, by: Actor) -> dict[uuid.UUID, list[Scope]]:
    """The same of many; one statement."""
    told: dict[uuid.UUID, list[Scope]] = defaultdict(list)
    rows = entries.visible(by, EntryKind.VARIABLE).filter(integration__in=[one.pk for one in found])
    once = rows.order_by("integration", "environment", "team", "agent")
    for entry in once.distinct("integration", "environment", "team", "agent"):
        assert entry.integration_id is not None
        told[entry.integration_id].append(entries.scope_of(entry))
    for scopes in told.values():
        scopes.sort(key=lambda scope: str(scope).lower())
    return told


def is_elsewhere(integration: Integration, *, by: Actor) -> bool:
    """Whether it is enabled also where the actor does not see it."""
    seen = entries.visible(by, EntryKind.VARIABLE).filter(integration=integration)
    return _living().filter(integration=integration).exclude(pk__in=seen.values("pk")).exists()


def _hold(ids: Iterable[uuid.UUID]) -> None:
    """In one order, so that two who change several at once wait for each other instead of both."""
    rows = Integration.objects.select_for_update(no_key=True).filter(pk__in=list(ids)).order_by("pk")
    list(rows.values_list("pk", flat=True))


def held(integration: Integration) -> Integration:
    """As it is now, held until the operation ends."""
    found = Integration.objects.select_for_update(no_key=True).filter(pk=integration.pk).first()
    if found is None:
        raise NotFound("There is no such integration.")
    return found


def forget(integration: Integration) -> None:
    """Nothing refers to it any more: what it has set where there is nobody left."""
    Entry.objects.filter(integration=integration).update(integration=None)


def _asked(integration: Integration, scope: Scope, *, by: Actor) -> Integration:
    access.require_own(by, integration.organization_id)
    parts = (scope.environment, scope.team, scope.agent)
    if sum(one is not None for one in parts) != 1 or scope.project or scope.app:
        raise Invalid("An integration is enabled in an environment, for a team or for an agent.")
    rights.check_write(scope, by=by)
    return held(integration)


def _disable(integration: Integration, scope: Scope, *, by: Actor) -> bool:
    found = list(_related(_here(scope).filter(integration=integration)).order_by("key"))
    if found:
        _record("integration.disabled", integration, scope, by=by)
    for entry in found:
        entries.delete(entry, by=by, note=_note(integration), through=integration)
    return bool(found)


def _create(integration: Integration, scope: Scope, row: catalogue.Row, *, by: Actor) -> None:
    told: dict[str, Any] = {"key": row.key, "value": row.value, "type": row.type, "note": _note(integration)}
    try:
        variables.create(scope, by=by, integration=integration, **told)
    except entries.FromIntegration:
        raise Taken(
            f"Another integration sets {row.key} for {_called(scope, by)} already; disable that one there first."
        ) from None
    except Taken:
        raise Taken(
            f"{row.key} is set for {_called(scope, by)} already; delete it there, and let {integration.name} set it."
        ) from None


def _called(scope: Scope, by: Actor) -> str:
    crew = scope.team or scope.agent
    if crew is not None:
        seen = type(crew)._default_manager.filter(assigned.seen(by, type(crew)), pk=crew.pk).exists()
    else:
        seen = by.sees(project_id=scope.within, environment_id=scope.environment_id)
    return str(scope) if seen else UNSEEN


def _here(scope: Scope) -> QuerySet[Entry]:
    return Entry.objects.filter(integration__isnull=False, deleted_at=None, **scope.columns)


def _rewritten(integration: Integration) -> QuerySet[Entry]:
    return _living(terminating=True).filter(integration=integration)


def _living(*, terminating: bool = False) -> QuerySet[Entry]:
    """Not what was set for an environment, a team or an agent that is gone."""
    there = Q(environment=None) | Q(environment__deleted_at=None)
    return Entry.objects.filter(
        there | Q(environment__state=State.TERMINATING) if terminating else there,
        Q(team=None) | Q(team__archived_at=None),
        Q(agent=None) | Q(agent__archived_at=None),
        deleted_at=None,
    )


def _related(found: QuerySet[Entry]) -> QuerySet[Entry]:
    return found.select_related("current", "environment", "team", "agent", "project", "app__project", "integration")


def _note(integration: Integration) -> str:
    return f"from the integration {integration.name}"


def _record(kind: str, integration: Integration, scope: Scope, *, by: Actor) -> None:
    crew = scope.team or scope.agent
    about: dict[str, Any] = {
        f"{noun}_id": str(one.pk) for noun, one in (("team", scope.team), ("agent", scope.agent)) if one
    }
    events.record(
        kind,
        by=by,
        object={"kind": "integration", "id": integration.id, "name": integration.name},
        project_id=scope.within or (assigned.project_of_events(crew) if crew else None),
        environment_id=scope.environment_id,
        subjects=["integrations", "configuration", *(f"{name[:-3]}:{ident}" for name, ident in about.items())],
        scope=str(scope),
        **about,
    )
