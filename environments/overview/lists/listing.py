"""What every list page shares: what its address asks for, its filters, its page and its rows."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.utils.html import format_html
from django.utils.safestring import SafeString

from environments.models import Environment
from projects import marks, names, scopes
from projects.access import Actor
from projects.errors import Invalid, NotFound
from projects.models import Event, Project

PAGE = 50
LONGEST = 200  # characters of one filter


@dataclass(frozen=True)
class Asked:
    """What the address of a list asks for; the environment chosen in the header stands in it by its name."""

    given: Mapping[str, str]
    environment: Environment | None
    cursor: str = ""

    def value(self, name: str) -> str:
        return self.given.get(name, "")

    @property
    def narrowed(self) -> bool:
        return self.environment is not None or any(self.given.values())

    def query(self, **changed: str) -> str:
        """The same list with other filters, from its first page."""
        kept = {**self.given, "environment": self.environment.name if self.environment else "", **changed}
        values = {name: value for name, value in kept.items() if value}
        return f"?{urlencode(values)}"

    def to(self, url: str) -> str:
        """A link elsewhere that keeps the chosen environment."""
        return f"{url}?{urlencode({'environment': self.environment.name})}" if self.environment else url

    def one_of(self, name: str, values: Iterable[str]) -> str:
        known = list(values)
        if self.value(name) and self.value(name) not in known:
            raise Invalid.field(name, f"Choose one of {', '.join(known)}.")
        return self.value(name)

    def project(self, actor: Actor) -> Project | None:
        """The project that is asked for by its key; NotFound where it is not seen."""
        if not self.value("project"):
            return None
        found = Project.objects.filter(names.same("key", self.value("project")), organization=actor.organization)
        project = found.filter(scopes.within(actor, project="pk")).first()
        if project is None:
            raise NotFound("There is no project of that key here, or you may not see it.")
        return project


def asked(given: Mapping[str, str], known: Sequence[str], environment: Environment | None) -> Asked:
    """The filters that the list knows, without what no text of ours holds."""
    values = {name: given.get(name, "").replace("\0", "").strip()[:LONGEST] for name in known}
    return Asked(values, environment, given.get("cursor", ""))


@dataclass(frozen=True)
class Option:
    value: str
    word: str


@dataclass(frozen=True)
class Filter:
    """A choice beside the search; the first option, without a value, is all."""

    name: str
    label: str
    options: list[Option]
    chosen: str


@dataclass(frozen=True)
class Moment:
    """A day of the calendar, or a moment, which no field for days can show: it is told in `words` instead."""

    name: str
    value: str
    words: str = ""


@dataclass(frozen=True)
class Column:
    word: str
    wide: bool = True  # left out where there is no room
    number: bool = False


@dataclass(frozen=True)
class Choosing:
    """Rows can be ticked, and what is ticked is sent to `url` under `name`; `ticks` are `(value, label)` by row.

    `idle` stands beside the button while none is ticked; `asks` is what is said to who ticks none, or more than `most`.
    """

    url: str
    word: str
    name: str
    idle: str
    asks: str
    most: int
    ticks: list[tuple[str, str]]


@dataclass
class Listing:
    """One page of a list, drawn alike whatever it lists."""

    columns: list[Column]
    rows: list[list[Any]]
    subjects: str
    filters: list[Filter]
    search: str
    empty: str
    next: str = ""
    first: str = ""
    moments: list[Moment] = field(default_factory=list)
    exports: list[tuple[str, str]] = field(default_factory=list)
    choosing: Choosing | None = None
    told: list[Event] = field(default_factory=list)  # what each row tells of, where that could be undone
    actions: list[tuple[str, str]] = field(default_factory=list)  # word and name of the page

    @property
    def table(self) -> list[tuple[SafeString, list[tuple[Column, Any]], Event | None]]:
        """Its rows, each with the box that chooses it, each cell with its column, and the event it tells of."""
        rows = [list(zip(self.columns, row, strict=True)) for row in self.rows]
        ticks = [SafeString("")] * len(rows)
        if self.choosing is not None:
            box = '<input type="checkbox" form="choosing" name="{}" value="{}" aria-label="{}">'
            ticks = [format_html(box, self.choosing.name, *tick) for tick in self.choosing.ticks]
        events: Sequence[Event | None] = self.told or [None] * len(rows)
        return list(zip(ticks, rows, events, strict=True))


def choice(asked: Asked, name: str, label: str, options: Iterable[tuple[str, str]], *, every: str) -> Filter:
    return Filter(name, label, [Option("", every), *(Option(*one) for one in options)], asked.value(name))


def projects(asked: Asked, actor: Actor) -> Filter:
    """Of the projects that the actor sees; of very many the first, and the one that is chosen."""
    found = Project.objects.filter(scopes.within(actor, project="pk"), organization=actor.organization)
    known = [(key, f"{name} ({key})") for key, name in found.order_by("key").values_list("key", "name")[:200]]
    if asked.value("project") and asked.value("project").upper() not in {key.upper() for key, _ in known}:
        known.append((asked.value("project"), asked.value("project")))
    return choice(asked, "project", "Project", known, every="Every project")


def page(
    rows: QuerySet[Any], asked: Asked, *, at: str = "created_at", any_of: Sequence[Q] = ()
) -> tuple[list[Any], dict[str, Any]]:
    """At most 50, newest first, and the addresses of the next and the first page.

    With `any_of`, those of which one of these is true: a statement for each, which can be answered by an index of its
    own, while one statement for all of them would read the whole table.
    """
    if asked.cursor:
        moment, ident = marks.read(asked.cursor, datetime, uuid.UUID)
        rows = rows.filter(Q(**{f"{at}__lte": moment}), Q(**{f"{at}__lt": moment}) | Q(pk__lt=ident))
    newest = rows.order_by(f"-{at}", "-pk")
    each = [newest.filter(one)[: PAGE + 1] for one in any_of or (Q(),)]
    found = sorted(
        {row.pk: row for part in each for row in part}.values(), key=lambda row: _place(row, at), reverse=True
    )
    shown = found[:PAGE]
    following = marks.write(*_place(shown[-1], at)) if len(found) > PAGE else ""
    return shown, ends(asked, following)


def _place(row: Any, at: str) -> tuple[datetime, uuid.UUID]:
    return getattr(row, at), row.pk


def ends(asked: Asked, following: str) -> dict[str, Any]:
    return {
        "next": asked.query(cursor=following) if following else "",
        "first": asked.query() if asked.cursor else "",
    }


def link(url: str, word: str, *, css: str = "cut") -> SafeString:
    return format_html('<a class="{}" href="{}" title="{}">{}</a>', css, url, word, word)


def small(text: str) -> SafeString:
    """A second line in a cell, cut where there is no room."""
    return format_html('<small class="cut note" title="{}">{}</small>', text, text) if text else SafeString("")


def joined(parts: Iterable[Any], between: str = " ") -> SafeString:
    kept = [part for part in parts if part]
    return format_html(between.join("{}" for _ in kept), *kept) if kept else SafeString("")
