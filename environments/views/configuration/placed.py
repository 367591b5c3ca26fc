"""Everything that is set, wherever it is set: by key, so that the scopes of one key stand beside each other."""

import uuid
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.functions import Upper
from django.urls import reverse
from django.utils import timezone

from environments.configuration import entries
from environments.models import Entry, EntryKind
from environments.resolving import scopes
from environments.views.configuration.asked import SCOPES, Asked
from environments.views.configuration.links import short
from environments.views.configuration.resolved import late
from projects import marks, names

PAGE = 50


@dataclass(frozen=True)
class Row:
    entry: Entry
    scope: str
    value: str
    url: str
    overdue: bool

    @property
    def type(self) -> str:
        current = self.entry.current
        plain = self.entry.kind == EntryKind.SECRET or current is None or current.type == "text"
        return "" if plain else str(current and current.type)


def page(asked: Asked) -> dict[str, Any]:
    """At most 50 keys, and the addresses of the next and the first page."""
    found = matching(asked).alias(called=Upper("key"))
    if asked.cursor:
        key, ident = marks.read(asked.cursor, str, uuid.UUID)
        found = found.filter(Q(called__gte=key), Q(called__gt=key) | Q(pk__gt=ident))
    rows = list(found.order_by("called", "id")[: PAGE + 1])
    shown = rows[:PAGE]
    following = marks.write(shown[-1].key.upper(), shown[-1].pk) if len(rows) > PAGE else ""
    return {
        "rows": [row(entry) for entry in shown],
        "next": asked.query(cursor=following) if following else "",
        "first": asked.query() if asked.cursor else "",
    }


def matching(asked: Asked) -> QuerySet[Entry]:
    """What the filters leave of what the actor may see."""
    kind = asked.show if asked.show in EntryKind.values else None
    found = entries.visible(asked.actor, kind, deleted=asked.show == "deleted").defer("current__sealed")
    if asked.show == "overdue":
        found = found.filter(kind=EntryKind.SECRET, rotate_on__lte=timezone.now().date())
    if asked.environment:
        found = found.filter(environment=asked.environment)
    if asked.holders:
        named = ({"within" if name == "project" else name: holder} for name, holder in asked.holders.items())
        found = found.filter(reduce(or_, (Q(**one) for one in named)))
    if asked.scope:
        found = found.filter(of_level(SCOPES.index(asked.scope)))
    if asked.q:
        found = found.filter(names.holding("key", asked.q))
    return found


def of_level(level: int) -> Q:
    """Entries whose scope is of this kind."""
    holder, here = scopes.ORDER[level]
    lacking = {f"{one}__isnull": one != holder for one in scopes.HOLDERS}
    return Q(environment__isnull=not here, **lacking)


def row(entry: Entry) -> Row:
    plain = entry.kind == EntryKind.VARIABLE and entry.current is not None and not entry.current.deleted
    return Row(
        entry,
        str(entries.scope_of(entry)),
        short(entry.current.value) if plain and entry.current else "",
        reverse("configuration-entry", args=[entry.pk]),
        entry.kind == EntryKind.SECRET and entry.deleted_at is None and late(entry),
    )
