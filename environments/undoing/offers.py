"""Which of many events somebody may undo and is not too late to: judged together, in a constant number of statements.

What an offer cannot see, such as a deployment on its way, the undoing itself still refuses, with a sentence.
"""

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from django.db.models import Exists, Model, OuterRef, QuerySet

from environments import lifecycle, seen
from environments.configuration import entries, integrations, rights
from environments.delivery import chains
from environments.models import Environment, Hold
from environments.resolving.scopes import Scope
from environments.undoing import undoable
from projects import access, agents, history, teams
from projects import lifecycle as projects
from projects.access import Actor, Permission
from projects.models import App, Event, Grant, Membership, Role

STOPPED_OR_STARTED = ("environment.stopping_started", "environment.provisioning_started")
ARCHIVED_OR_RESTORED = ("app.archived", "app.restored")
PUT_AWAY_OR_TAKEN_BACK = ("project.archived", "project.restored")
WANTED = dict(zip(STOPPED_OR_STARTED, (Environment.Wanted.INACTIVE, Environment.Wanted.ACTIVE), strict=True))
Judged = Iterator[Event]
M = TypeVar("M", bound=Model)


def still(told: Iterable[Event], *, by: Actor) -> frozenset[int]:
    """The keys of those of these events, all of which the actor sees, for which an Undo is offered."""
    by_noun: dict[str, list[Event]] = defaultdict(list)
    for event in told:
        if undoable(event):
            by_noun[event.kind.partition(".")[0]].append(event)
    return frozenset(event.pk for noun, found in by_noun.items() for event in JUDGES[noun](found, by))


def _environments(found: Sequence[Event], by: Actor) -> Judged:
    here = seen.environments(by).in_bulk([event.environment_id for event in found if event.environment_id])
    newest = _newest(found, by, STOPPED_OR_STARTED, "environment_id")
    for event in found:
        environment = here.get(event.environment_id) if event.environment_id else None
        if environment is None:
            continue
        if event.kind == "environment.updated":
            may = lifecycle.can_manage(environment, by=by)
            guarded = "protected" in event.data["values"] and not lifecycle.can_protect(environment, by=by)
            if may and not guarded and _as_it_was_left(event, environment):
                yield event
        elif (
            environment.wanted == WANTED[event.kind]
            and newest[environment.pk] <= event.number
            and _may(by, Permission.OPERATE, environment.project_id, environment)
        ):
            yield event


def _holds(found: Sequence[Event], by: Actor) -> Judged:
    again = Hold.objects.filter(slot=OuterRef("slot"), created_at__gt=OuterRef("lifted_at"))
    known = Hold.objects.filter(organization=by.organization).annotate(again=Exists(again))
    holds = known.select_related("slot__app", "slot__environment").in_bulk([event.object["id"] for event in found])
    for event in found:
        hold = holds.get(uuid.UUID(event.object["id"]))
        if hold is None or hold.slot.environment.deleted_at is not None or hold.slot.app.archived_at is not None:
            continue
        stands = hold.lifted_at is None
        in_time = stands if event.kind == "hold.placed" else not stands and not hold.again
        if in_time and _may(by, Permission.DEPLOY, hold.slot.app.project_id, hold.slot.environment):
            yield event


def _apps(found: Sequence[Event], by: Actor) -> Judged:
    here = App.objects.filter(organization=by.organization).in_bulk([event.object["id"] for event in found])
    newest = _newest(found, by, ARCHIVED_OR_RESTORED, "app_id")
    for event in found:
        app = here.get(uuid.UUID(event.object["id"]))
        if app is None or not _may(by, Permission.MANAGE_PROJECTS, app.project_id):
            continue
        if event.kind == "app.updated":
            if _as_it_was_left(event, app):
                yield event
        elif (app.archived_at is not None) == (event.kind == "app.archived") and newest[app.pk] <= event.number:
            yield event


def _projects(found: Sequence[Event], by: Actor) -> Judged:
    here = projects.visible(by).in_bulk([event.object["id"] for event in found])
    newest = _newest(found, by, PUT_AWAY_OR_TAKEN_BACK, "project_id")
    for event in found:
        project = here.get(uuid.UUID(event.object["id"]))
        if project is None or not _may(by, Permission.MANAGE_PROJECTS, project.pk):
            continue
        if event.kind == "project.updated":
            if _as_it_was_left(event, project):
                yield event
        elif (project.archived_at is not None) == (event.kind == "project.archived") and (
            newest[project.pk] <= event.number
        ):
            yield event


def _entries(found: Sequence[Event], by: Actor) -> Judged:
    """Of a key whose newest version is still the one that the event tells of."""
    told = {uuid.UUID(event.object["id"]) for event in found}
    every = (entries.visible(by, deleted=deleted).filter(pk__in=told) for deleted in (False, True))
    here = {one.pk: one for rows in every for one in rows}
    reach = rights.reach((one.environment for one in here.values() if one.environment is not None), by=by)
    for event in found:
        entry = here.get(uuid.UUID(event.object["id"]))
        if entry is None or entry.current is None or entry.current.number != event.data["number"]:
            continue
        if rights.can_write(entries.scope_of(entry), by=by, known=reach):
            yield event


def _integrations(found: Sequence[Event], by: Actor) -> Judged:
    """Of each the newest in its scope, which the actor may change."""
    known = {str(ident) for ident in integrations.visible(by).values_list("pk", flat=True)}
    environments = seen.environments(by).in_bulk([event.environment_id for event in found if event.environment_id])
    here: dict[str, Scope] = {str(one.pk): Scope(environment=one) for one in environments.values()}
    here |= {str(one.pk): Scope(team=one) for one in _named(found, "team_id", teams.visible(by))}
    here |= {str(one.pk): Scope(agent=one) for one in _named(found, "agent_id", agents.visible(by))}
    reach = rights.reach(environments.values(), by=by)
    kinds, since = ("integration.enabled", "integration.disabled"), min(event.number for event in found)
    newest: dict[Any, int] = {}
    for event in history.visible(by).filter(kind__in=kinds, number__gte=since).order_by("number"):
        newest[event.object["id"], _place(event)] = event.number
    for event in found:
        scope = here.get(_place(event))
        if scope is None or event.object["id"] not in known:
            continue
        last = newest.get((event.object["id"], _place(event)), event.number) <= event.number
        if last and rights.can_write(scope, by=by, known=reach):
            yield event


def _named(found: Sequence[Event], name: str, rows: QuerySet[M]) -> QuerySet[M]:
    return rows.filter(pk__in=[event.data[name] for event in found if name in event.data])


def _place(event: Event) -> str:
    """The id of the environment, team or agent that it was enabled or disabled for."""
    return str(event.data.get("team_id") or event.data.get("agent_id") or event.environment_id)


def _chains(found: Sequence[Event], by: Actor) -> Judged:
    here = chains.visible(by).in_bulk([event.object["id"] for event in found])
    versions = chains.versions(here.values())
    for event in found:
        chain = here.get(uuid.UUID(event.object["id"]))
        if (
            chain
            and versions[chain.pk] == event.data["version"]
            and _may(by, Permission.MANAGE_CHAINS, chain.project_id)
        ):
            yield event


def _members(found: Sequence[Event], by: Actor) -> Judged:
    if not _may(by, Permission.MANAGE_MEMBERS):
        return
    of = Membership.objects.filter(organization=by.organization, pk__in=[event.object["id"] for event in found])
    here = {str(ident) for ident in of.values_list("pk", flat=True)}
    roles = Grant.objects.filter(membership__in=of).values_list("pk", "membership", "role", "project", "environment_id")
    kept = {str(key): tuple(what) for key, *what in roles}
    for event in found:
        if event.object["id"] not in here:
            continue
        role = event.data["role"]
        if role == Role.OWNER and not access.allows(by, Permission.MANAGE_OWNERS):
            continue
        given = (uuid.UUID(event.object["id"]), role, event.project_id, event.environment_id)
        if event.data["grant_id"] in kept if event.kind == "member.granted" else given not in kept.values():
            yield event


JUDGES: dict[str, Callable[[Sequence[Event], Actor], Judged]] = {
    "app": _apps,
    "chain": _chains,
    "environment": _environments,
    "hold": _holds,
    "integration": _integrations,
    "member": _members,
    "project": _projects,
    "secret": _entries,
    "variable": _entries,
}


def _may(
    by: Actor, permission: Permission, project_id: uuid.UUID | None = None, environment: Environment | None = None
) -> bool:
    return access.allows(
        by,
        permission,
        project_id=project_id,
        environment_id=environment.pk if environment else None,
        protected=environment is not None and environment.protected,
    )


def _newest(found: Sequence[Event], by: Actor, kinds: Sequence[str], about: str) -> dict[Any, int]:
    """The number of the newest event of these kinds by what it is about; not one before the oldest that is asked of."""
    asked = [event for event in found if event.kind in kinds]
    newest: dict[Any, int] = defaultdict(int)
    if asked:
        since = min(event.number for event in asked)
        newer = history.visible(by).filter(number__gte=since, kind__in=kinds)
        newer = newer.filter(**{f"{about}__in": {getattr(event, about) for event in asked}})
        newest.update(newer.order_by("number").values_list(about, "number"))
    return newest


def _as_it_was_left(event: Event, now: Model) -> bool:
    """Whether each field that was changed still holds what the change made of it."""
    values: dict[str, list[Any]] = event.data["values"]
    return all(_plain(_now(now, name)) == after for name, (_, after) in values.items())


def _now(row: Model, name: str) -> Any:
    return getattr(row, "based_on_id" if name == "based_on" else name)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, uuid.UUID) else value
