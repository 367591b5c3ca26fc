"""The environments list: filtered, counted and paged by keyset, the same number of statements at ten and at 100,000."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Lower
from django.utils.html import format_html

from environments import drawing, seen
from environments.models import Environment, State
from projects import marks, scopes
from projects.access import Actor

PAGE = 50
COUNTED = 1000
EACH = "\x00each"  # stands for a state where one statement is compiled for all; no filter can hold a NUL
EPHEMERAL = format_html('<span class="muted">{}<span class="vh">ephemeral</span></span>', drawing.icon("timer"))
SHOWN = (
    *("name", "display_name", "kind", "protected", "tags", "state", "error_message", "provisioner", "priority"),
    *("created_by", "created_at", "organization_id", "project__key"),
)


@dataclass(frozen=True, kw_only=True)
class Filters:
    """What the address asks for; `environment` stands in it by its name."""

    q: str = ""
    status: str = ""
    project: str = ""
    tag: str = ""
    environment: Environment | None = None
    cursor: str = ""

    def query(self, **changed: str) -> str:
        kept = {name: str(value) for name, value in vars(self).items() if value and name != "cursor"} | changed
        asked = {name: value for name, value in kept.items() if value}
        return f"?{urlencode(asked)}" if asked else "?"


def page(actor: Actor, filters: Filters, *, counted: bool = True) -> dict[str, Any]:
    """`rows` (at most 50), `counts` by state where they are shown, and the addresses of the next and the first page."""
    found = _filtered(actor, filters)
    if filters.cursor:
        found = _after(found, filters.cursor)
    found = found.select_related("project").only(*SHOWN)
    environments = list(found.order_by("-priority", Lower("name"), "id")[: PAGE + 1])
    more = len(environments) > PAGE
    environments = environments[:PAGE]
    facts = _facts(actor, environments)
    return {
        "filters": filters,
        "rows": [_row(environment, facts[environment.id], filters) for environment in environments],
        "live": " ".join(["environments", *(f"environment:{environment.id}" for environment in environments)]),
        "counts": _counts(actor, filters) if counted else [],
        "next": filters.query(cursor=_mark(environments[-1])) if more else "",
        "first": filters.query() if filters.cursor else "",
        "filtered": bool(filters.q or filters.status or filters.project or filters.tag or filters.environment),
    }


def _filtered(actor: Actor, filters: Filters) -> QuerySet[Environment]:
    found = seen.environments(actor, terminating=True)
    if filters.status:
        found = found.filter(state=filters.status)
    if filters.tag:
        found = found.filter(tags__contains=[filters.tag])
    if filters.project:
        found = found.filter(project__key__iexact=filters.project)
    if filters.environment:
        found = found.filter(pk=filters.environment.pk)
    if filters.q:
        found = seen.matching(found, filters.q)
    return found


# Written out: composing it anew for every page would cost more than running it.
FACTS = """
SELECT e.id,
  (SELECT stage.position FROM environments_stageenvironment place
     JOIN environments_stage stage ON stage.id = place.stage_id
     JOIN environments_chain chain ON chain.id = place.chain_id
   WHERE place.environment_id = e.id AND chain.project_id IS NULL LIMIT 1),
  (SELECT count(*) FROM environments_slot slot
   WHERE slot.environment_id = e.id AND slot.live_id IS NOT NULL AND {slots}),
  (SELECT count(*) FROM environments_worker w WHERE w.environment_id = e.id AND w.ended_at IS NULL),
  (SELECT count(*) FROM environments_worker w
   WHERE w.environment_id = e.id AND w.ended_at IS NULL AND w.lease_until > now()),
  latest.at, latest.actor
FROM unnest(%(environments)s::uuid[]) AS e (id)
LEFT JOIN LATERAL (
  SELECT at, actor FROM projects_event
  WHERE organization_id = %(organization)s AND environment_id = e.id AND {events} ORDER BY number DESC LIMIT 1
) AS latest ON true
"""


@dataclass(frozen=True)
class Facts:
    """What stands beside an environment in its row, of what the reader sees there.

    `place` is its stage's position in the default chain.
    """

    place: int | None
    apps: int
    workers: int
    alive: int
    active_at: datetime | None
    active_by: str | None


def _facts(actor: Actor, environments: list[Environment]) -> dict[uuid.UUID, Facts]:
    statement = FACTS.format(
        slots=scopes.clause(
            actor,
            project="(SELECT project_id FROM projects_app WHERE id = slot.app_id)",
            environment="slot.environment_id",
        ),
        events=scopes.clause(actor, project="project_id", environment="environment_id", lacking=("project_id",)),
    )
    ids = [environment.id for environment in environments]
    given = {"environments": ids, "organization": actor.organization.id, **scopes.values(actor)}
    with connection.cursor() as cursor:
        cursor.execute(statement, given)
        return {row[0]: Facts(*row[1:]) for row in cursor.fetchall()}


def _row(environment: Environment, facts: Facts, filters: Filters) -> dict[str, Any]:
    actor = facts.active_by or environment.created_by
    place = 0 if facts.place is None else facts.place + 1
    return {
        "id": environment.id,
        "mark": EPHEMERAL if environment.kind == Environment.Kind.EPHEMERAL else drawing.level(place),
        "protected": environment.protected,
        "status": drawing.status(environment.state),
        "error_message": environment.error_message,
        "provisioner": environment.provisioner,
        "title": environment.title,
        "url": f"/environments/{environment.id}",
        "apps": facts.apps,
        "workers": f"{facts.alive} of {facts.workers}",
        "active": drawing.ago(facts.active_at or environment.created_at),
        "active_by": actor.partition(":")[2] or actor,
        "project": environment.project.key if environment.project else "All",
        "project_url": filters.query(project=environment.project.key) if environment.project else "",
        "tags": [{"word": tag, "url": filters.query(tag=tag)} for tag in environment.tags],
    }


def _counts(actor: Actor, filters: Filters) -> list[dict[str, Any]]:
    """How many are in each state, counted to 1,000 and no further, in one statement."""
    base = _filtered(actor, Filters(project=filters.project, tag=filters.tag, environment=filters.environment))
    every, bound = _capped(base)
    # Compiled once: the statement for one state serves for all of them.
    one, of_state = _capped(base.filter(state=EACH))
    states = ["", *State.values]
    parts, parameters = [every], list(bound)
    for state in State.values:
        parts.append(one)
        parameters += [state if value == EACH else value for value in of_state]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(parts)}", parameters)
        numbers = cursor.fetchone()
    return [
        {
            "state": state,
            "word": State(state).label if state else "All",
            "count": f"{COUNTED:,}+" if number > COUNTED else f"{number}",
            "url": filters.query(status=state),
            "current": filters.status == state,
        }
        for state, number in zip(states, numbers, strict=True)
        if number or not state or filters.status == state
    ]


def _capped(found: QuerySet[Environment]) -> tuple[str, tuple[Any, ...]]:
    # Who sees nothing gets a statement like all others, with a condition that is never true.
    compiler = found.order_by().values("pk")[: COUNTED + 1].query.get_compiler(DEFAULT_DB_ALIAS, elide_empty=False)
    sql, bound = compiler.as_sql()
    return f"(SELECT count(*) FROM ({sql}) AS counted)", bound


def _mark(environment: Environment) -> str:
    return marks.write(environment.priority, environment.name.lower(), environment.id)


def _after(found: QuerySet[Environment], cursor: str) -> QuerySet[Environment]:
    """What follows in the list's order: the rest of the same priority, then the lower ones, each a range of the index.

    As one condition with OR it would be a filter over all that has this priority.
    """
    priority, name, ident = marks.read(cursor, int, str, uuid.UUID)
    named = found.alias(lower_name=Lower(F("name")))
    rest = named.filter(
        Q(priority=priority, lower_name__gte=name), Q(lower_name__gt=name) | Q(lower_name=name, id__gt=ident)
    )
    ranges = [
        part.order_by("-priority", Lower("name"), "id").values("pk")[: PAGE + 1]
        for part in (rest, found.filter(priority__lt=priority))
    ]
    return Environment.objects.filter(pk__in=ranges[0].union(ranges[1], all=True))
