"""Teams and agents with what they work with: their environments, their variables, and what they require."""

import uuid
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

from django.utils import timezone

from environments import seen
from environments.configuration import amounts, enabling, entries, variables
from environments.models import Entry, EntryKind, Integration
from environments.overview.crews import PLACES
from environments.resolving.scopes import Scope
from projects import agents, assigned, assignments, checks, env_names, events, teams, versions
from projects.access import Actor
from projects.errors import Conflict, Invalid
from projects.models import Agent, Team

ROOMS: dict[type[Team] | type[Agent], ModuleType] = {Team: teams, Agent: agents}
FIELD = "execution_environment"


class TooMany(Conflict):
    code = "too-many"


@events.operation
def create(
    kind: type[Team] | type[Agent],
    *,
    by: Actor,
    environment_ids: Iterable[uuid.UUID] | None = None,
    execution_environment: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Any:
    """A team or an agent; `fields` are those of its room."""
    given, env_vars, integrations = _parts(execution_environment or {}, by=by)
    amounts.check(None, env_vars=env_vars, integrations=integrations, field=FIELD)
    made = ROOMS[kind].create(by=by, **fields, **given)
    _place(made, environment_ids or (), by=by)
    _set_variables(made, env_vars or {}, by=by)
    enabling.take_up(_scope(made), integrations or (), by=by)
    return made


def version(thing: Team | Agent) -> str:
    """Another one as soon as anybody changes what the settings page shows: of its own, or what is enabled for it."""
    enabled = enabling.of_holders(assignments.called(thing), [thing.pk])[thing.pk]
    return f"{ROOMS[type(thing)].version(thing)}.{'-'.join(map(str, enabled))}"


@events.operation
def update(
    thing: Team | Agent,
    *,
    by: Actor,
    seen: str | None = None,
    **fields: Any,
) -> Any:
    """Change what is given; of the execution environment each part is replaced whole."""
    given, env_vars, integrations = _parts(fields.pop(FIELD, None) or {}, by=by)
    assigned.require_manage(thing, by=by)
    if "team" in fields and isinstance(thing, Agent):
        _join(thing, fields.pop("team"), by=by)
    places = fields.pop("environment_ids", None)
    own, _, enabled = (seen or "").partition(".")
    changed = ROOMS[type(thing)].update(thing, by=by, seen=own or None, **fields, **given)
    if seen and "." in seen:
        present = version(changed).partition(".")[2]
        versions.check(enabled, present, called=changed.name)
    if places is not None and _place(changed, places, by=by):
        assignments.record("updated", changed, by=by, changed=["environments"])
    amounts.check(_scope(changed), env_vars=env_vars, integrations=integrations, field=FIELD)
    # What is disabled leaves its names free, and what is set by hand no more leaves them to integrations.
    gone = (
        enabling.leave_out(_scope(changed), (one.pk for one in integrations), by=by) if integrations is not None else []
    )
    if env_vars is not None:
        _set_variables(changed, env_vars, by=by)
    if enabling.take_up(_scope(changed), integrations or (), by=by) or gone:
        _touch(changed)
        assignments.record("updated", changed, by=by, changed=["integrations"])
    return changed


@events.operation
def delete(thing: Team | Agent, *, by: Actor) -> None:
    """It is gone, and with it what was set for it alone; the versions of that stay."""
    assigned.require_manage(thing, by=by)
    assignments.present(thing)
    number = _entries(thing).count()
    if number + len(enabling.of_scope(_scope(thing))) > amounts.MOST:
        raise TooMany(
            f"{number} variables and secrets are set for {thing.name}; delete some of them, or disable integrations, "
            "first."
        )
    enabling.clear(_scope(thing), by=by)
    for entry in _entries(thing):
        entries.delete(entry, by=by, note=f"{thing.name} was deleted.")
    ROOMS[type(thing)].delete(thing, by=by)


def _parts(
    given: Mapping[str, Any], *, by: Actor
) -> tuple[dict[str, Any], dict[str, str] | None, list[Integration] | None]:
    """The columns that an execution environment sets, and its variables and integrations where they are named."""
    columns: dict[str, Any] = {}
    env_vars: dict[str, str] | None = None
    integrations: list[Integration] | None = None
    for part, value in given.items():
        if part == "env_vars":
            env_vars = env_names.check(f"{FIELD}.env_vars", {} if value is None else value)
        elif part == "secrets":
            columns["required_secrets"] = checks.keys(f"{FIELD}.secrets", value)
        elif part == "integration_ids":
            where = f"{FIELD}.integration_ids"
            integrations = enabling.find(enabling.checked(where, value), by=by, field=where)
        elif part == "mcp_servers":
            columns["mcp_servers"] = checks.json_object(f"{FIELD}.mcp_servers", value)
        else:
            raise Invalid.field(f"{FIELD}.{part}", "is not known here")
    return columns, env_vars, integrations


def _join(agent: Agent, team: Team | None, *, by: Actor) -> None:
    present = agents.locked(agent).team
    if team == present:
        return
    if team is None:
        assert present is not None
        teams.take_out(present, agent, by=by)
    else:
        teams.add(team, agent, by=by)


def _place(thing: Team | Agent, environment_ids: Iterable[uuid.UUID], *, by: Actor) -> bool:
    """Whether it works elsewhere from now on; where the one who asks sees no environment it stays."""
    links, column = PLACES[type(thing)], assignments.called(thing)
    wanted = set(environment_ids)
    seen_ids = set(seen.environments(by).values_list("pk", flat=True).filter(pk__in=wanted))
    if missing := wanted - seen_ids:
        raise Invalid.field("environment_ids", f"there is no environment {sorted(missing, key=str)[0]}")
    mine = links.objects.filter(**{column: thing})
    present = set(mine.filter(environment__in=seen.environments(by)).values_list("environment_id", flat=True))
    if wanted == present:
        return False
    mine.filter(environment__in=present - wanted).delete()
    links.objects.bulk_create(
        links(environment_id=one, **{f"{column}_id": thing.pk}) for one in sorted(wanted - present)
    )
    _touch(thing)
    return True


def _touch(thing: Team | Agent) -> None:
    thing.updated_at = timezone.now()
    type(thing)._default_manager.filter(pk=thing.pk).update(updated_at=thing.updated_at)


def _scope(thing: Team | Agent) -> Scope:
    return Scope(team=thing) if isinstance(thing, Team) else Scope(agent=thing)


def _set_variables(thing: Team | Agent, wanted: Mapping[str, str], *, by: Actor) -> None:
    """The same rows as `/variables` has for this scope: what is not wanted is deleted."""
    scope, mine = _scope(thing), _entries(thing).filter(kind=EntryKind.VARIABLE, environment=None, integration=None)
    present = {one.key: one for one in mine}
    for key in sorted(present.keys() - wanted.keys()):
        entries.delete(present[key], by=by)
    for key, value in sorted(wanted.items()):
        before = present.get(key)
        try:
            if before is None:
                variables.create(scope, by=by, key=key, value=value)
            elif before.current is None or before.current.value != value:
                variables.update(before, by=by, value=value)
        except (Invalid, entries.Taken, entries.FromIntegration) as refusal:
            about = [{"field": f"{FIELD}.env_vars.{key}", "message": refusal.detail}]
            raise type(refusal)(f"{key}: {refusal.detail}", code=refusal.code, errors=about) from None


def _entries(thing: Team | Agent) -> Any:
    mine = Entry.objects.filter(**{assignments.called(thing): thing}, deleted_at=None)
    whole = ("current", "project", "app__project", "team", "agent", "environment", "integration")
    return mine.select_related(*whole).order_by("pk")
