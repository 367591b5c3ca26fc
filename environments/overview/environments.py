"""The environments list: filtered, counted and paged by keyset, the same number of statements at ten and at 100,000."""

import base64
import binascii
import json
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db import connection
from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Lower, Now

from environments.models import Environment, Slot, StageEnvironment, State, Worker
from projects.access import Actor
from projects.errors import Invalid
from projects.models import Event

PAGE = 50
COUNTED = 1000


@dataclass(frozen=True, kw_only=True)
class Filters:
    """What the address asks for."""

    q: str = ""
    status: str = ""
    project: str = ""
    tag: str = ""
    environment: str = ""
    cursor: str = ""

    def query(self, **changed: str) -> str:
        kept = {name: value for name, value in vars(self).items() if value and name != "cursor"} | changed
        asked = {name: value for name, value in kept.items() if value}
        return f"?{urlencode(asked)}" if asked else "?"


def page(actor: Actor, filters: Filters) -> dict[str, Any]:
    """`rows` (at most 50), `counts` by state, and the addresses of the next and the first page."""
    found = _filtered(actor, filters)
    if filters.cursor:
        found = _after(found, filters.cursor)
    environments = list(_with_facts(found).order_by("-priority", Lower("name"), "id")[: PAGE + 1])
    more = len(environments) > PAGE
    environments = environments[:PAGE]
    return {
        "filters": filters,
        "rows": [_row(environment, filters) for environment in environments],
        "counts": _counts(actor, filters),
        "next": filters.query(cursor=_cursor(environments[-1])) if more else "",
        "first": filters.query() if filters.cursor else "",
        "filtered": bool(filters.q or filters.status or filters.project or filters.tag or filters.environment),
    }


def seen(actor: Actor) -> QuerySet[Environment]:
    """The environments an actor may see, those being terminated included."""
    found = Environment.objects.filter(organization=actor.organization, terminated_at__isnull=True)
    if actor.visible_environments is not None:
        found = found.filter(id__in=actor.visible_environments)
    if actor.visible_projects is not None:
        found = found.filter(Q(project=None) | Q(project__in=actor.visible_projects))
    return found


def _filtered(actor: Actor, filters: Filters) -> QuerySet[Environment]:
    found = seen(actor)
    if filters.status:
        found = found.filter(state=filters.status)
    if filters.tag:
        found = found.filter(tags__contains=[filters.tag])
    if filters.project:
        found = found.filter(project__key__iexact=filters.project)
    if filters.environment:
        found = found.filter(_named(filters.environment))
    if filters.q:
        found = found.filter(
            Q(name__icontains=filters.q)
            | Q(display_name__icontains=filters.q)
            | Q(tags__contains=[filters.q])
            | Q(created_by__icontains=filters.q)
        )
    return found


def _named(ident: str) -> Q:
    try:
        return Q(id=uuid.UUID(ident))
    except ValueError:
        return Q(name__iexact=ident)


def _with_facts(found: QuerySet[Environment]) -> QuerySet[Environment]:
    def count_of(model: Any, **conditions: Any) -> Subquery:
        rows = model.objects.filter(environment=OuterRef("pk"), **conditions).order_by().values("environment")
        return Subquery(rows.annotate(n=Count("pk")).values("n"))

    place = StageEnvironment.objects.filter(environment=OuterRef("pk"), chain__project=None)
    latest = Event.objects.filter(organization_id=OuterRef("organization_id"), environment_id=OuterRef("pk"))
    latest = latest.order_by("-number")
    return found.select_related("project").annotate(
        level=Subquery(place.values("stage__position")[:1]),
        app_count=count_of(Slot, live__isnull=False),
        worker_count=count_of(Worker, ended_at__isnull=True),
        alive_count=count_of(Worker, ended_at__isnull=True, lease_until__gt=Now()),
        active_at=Subquery(latest.values("at")[:1]),
        active_by=Subquery(latest.values("actor")[:1]),
    )


def _row(environment: Any, filters: Filters) -> dict[str, Any]:
    actor = environment.active_by or environment.created_by
    return {
        "environment": environment,
        "url": f"/environments/{environment.id}",
        "level": environment.level + 1 if environment.level is not None else 0,
        "apps": environment.app_count or 0,
        "workers": f"{environment.alive_count or 0} of {environment.worker_count or 0}",
        "active_at": environment.active_at or environment.created_at,
        "active_by": actor.partition(":")[2] or actor,
        "project": environment.project.key if environment.project else "All",
        "project_url": filters.query(project=environment.project.key) if environment.project else "",
        "tags": [{"word": tag, "url": filters.query(tag=tag)} for tag in environment.tags],
    }


def _counts(actor: Actor, filters: Filters) -> list[dict[str, Any]]:
    """How many are in each state, counted to 1,000 and no further, in one statement."""
    base = _filtered(actor, Filters(project=filters.project, tag=filters.tag, environment=filters.environment))
    parts: list[str] = []
    parameters: list[Any] = []
    for state in ["", *State.values]:
        one = base.filter(state=state) if state else base
        sql, bound = one.order_by().values("pk")[: COUNTED + 1].query.sql_with_params()
        parts.append(f"(SELECT count(*) FROM ({sql}) AS counted)")
        parameters += bound
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
        for state, number in zip(["", *State.values], numbers, strict=True)
        if number or not state or filters.status == state
    ]


def _cursor(environment: Environment) -> str:
    mark = [environment.priority, environment.name.lower(), str(environment.id)]
    return base64.urlsafe_b64encode(json.dumps(mark).encode()).decode().rstrip("=")


def _after(found: QuerySet[Environment], cursor: str) -> QuerySet[Environment]:
    try:
        priority, name, ident = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        mark = (int(priority), str(name), uuid.UUID(ident))
        if "\0" in mark[1] or not mark[1].encode():
            raise ValueError
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError, binascii.Error):
        raise Invalid.field("cursor", "This page mark is not one of ours; begin with the first page.") from None
    return found.alias(lower_name=Lower(F("name"))).filter(
        Q(priority__lte=mark[0]),
        Q(priority__lt=mark[0]) | Q(lower_name__gt=mark[1]) | Q(lower_name=mark[1], id__gt=mark[2]),
    )
