"""What holds for an app, project, team or agent in an environment: each key with its value, and why it has it."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from environments import seen
from environments.configuration import rights
from environments.configuration.secrets import WriteOnly
from environments.models import Entry, EntryKind, Environment, Integration
from environments.resolving import references, resolution, scopes
from environments.resolving.candidates import Candidate
from environments.resolving.problems import Problem
from environments.views.configuration.asked import SCOPES, Asked
from environments.views.configuration.links import LEVELS, Revealing, short
from projects import access, marks
from projects.access import Permission

PAGE = 100
DO = {
    "cycle": "Change one of these values so that the circle ends.",
    "revoked": "Set a new value.",
    "malformed": "Correct the value.",
    "too-large": "Shorten the value, or what it refers to.",
    "too-deep": "Refer to fewer values in a row.",
}


@dataclass(frozen=True)
class Row:
    """One key as it is drawn; `value` is empty where it is masked, and where there is none because of a problem."""

    key: str
    winner: Candidate
    value: str
    masked: bool
    built_from: list[str]
    problem: Problem | None
    remedy: str
    fix: tuple[str, str] | None
    scope: str
    base: str
    overrides: int
    entry_url: str
    explain_url: str
    reveal: Revealing | None
    overdue: date | None
    integration: Integration | None

    @property
    def sentence(self) -> str:
        """Why it has no value; a key that it begins with is written as it is."""
        told = self.problem.sentence if self.problem else ""
        return f"{told[:1].upper()}{told[1:]}" if told.startswith(("values ", "all ", "after ")) else told

    @property
    def type(self) -> str:
        return "" if self.winner.is_secret or self.winner.type == "text" else self.winner.type


@dataclass(frozen=True)
class Line:
    """One scope that could give a key its value, and what is set there."""

    scope: str
    candidate: Candidate | None
    value: str
    used: bool
    entry_url: str


class Resolved:
    """Everything that holds for one target, read by at most four statements."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.actor = asked.actor
        self.found = resolution.resolve(asked.target)
        self.may_set = access.allows_somewhere(self.actor, Permission.CONFIGURE)

    @cached_property
    def places(self) -> dict[uuid.UUID, Environment]:
        """The environments of the values that the actor may see: the chosen one and those it is based on."""
        everything = (*self.found.winners.values(), *(one for many in self.found.shadowed.values() for one in many))
        ids = {one.environment_id for one in everything if one.environment_id}
        return {one.pk: one for one in seen.environments(self.actor, terminating=True).filter(pk__in=ids)}

    @property
    def counts(self) -> list[tuple[str, str, int]]:
        """`show`, its word, and how many."""
        winners = self.found.winners.values()
        secret = sum(one.is_secret for one in winners)
        return [
            ("", "All", len(winners)),
            ("variable", "Variables", len(winners) - secret),
            ("secret", "Secrets", secret),
            ("overridden", "Overridden", len(self.found.shadowed)),
            *(
                [("inherited", "Inherited", inherited)]
                if (inherited := sum(one.is_inherited for one in winners))
                else []
            ),
            ("problems", "Problems", len(self.found.problems)),
        ]

    def page(self) -> dict[str, Any]:
        """At most 100 rows: keys without a value first, then the others by name."""
        wanted = [key for key in self.found.winners if self._wanted(key)]
        broken = [key for key in wanted if key in self.found.problems]
        sound = [key for key in wanted if key not in self.found.problems]
        if self.asked.cursor:
            (after,) = marks.read(self.asked.cursor, str)
            broken, sound = [], [key for key in sound if key > after]
        shown, more = sound[:PAGE], len(sound) > PAGE
        return {
            "rows": list(self.rows([*broken, *shown])),
            "next": self.asked.query(cursor=marks.write(shown[-1])) if more else "",
            "first": self.asked.query() if self.asked.cursor else "",
        }

    def _wanted(self, key: str) -> bool:
        asked, winner = self.asked, self.found.winners[key]
        if asked.q and asked.q.lower() not in key.lower():
            return False
        if asked.scope and SCOPES[winner.level] != asked.scope:
            return False
        return {
            "": True,
            EntryKind.VARIABLE: not winner.is_secret,
            EntryKind.SECRET: winner.is_secret,
            "overridden": key in self.found.shadowed,
            "inherited": winner.is_inherited,
            "problems": key in self.found.problems,
        }[asked.show]

    def rows(self, keys: list[str]) -> Iterator[Row]:
        ids = [self.found.winners[key].entry_id for key in keys]
        known = Entry.objects.filter(Q(kind=EntryKind.SECRET) | Q(integration__isnull=False), pk__in=ids)
        known = known.select_related("integration").only("kind", "write_only", "rotate_on", "key", "integration__name")
        told = {one.pk: one for one in known}
        for key in keys:
            yield self._row(key, told.get(self.found.winners[key].entry_id))

    def _row(self, key: str, entry: Entry | None) -> Row:
        secret = entry if entry and entry.kind == EntryKind.SECRET else None
        winner, problem = self.found.winners[key], self.found.problems.get(key)
        masked = key in self.found.masked
        remedy, fix = self._remedy(key, problem) if problem else ("", None)
        return Row(
            key=key,
            winner=winner,
            value="" if masked or problem else short(self.found.environ([key])[key]),
            masked=masked,
            built_from=sorted({*self.found.secrets_in(key)} - {key}) if masked and not problem else [],
            problem=problem,
            remedy=remedy,
            fix=fix if self.may_set else None,
            scope=self._scope(winner),
            base=self._environment(winner) if winner.is_inherited else "",
            overrides=len(self.found.shadowed.get(key, ())),
            entry_url=self._entry_url(winner),
            explain_url=reverse("configuration-key", args=[key]) + self.address,
            reveal=self._reveal(winner, secret) if secret and not winner.revoked_at else None,
            overdue=secret.rotate_on if secret and late(secret) else None,
            integration=entry.integration if entry else None,
        )

    @cached_property
    def address(self) -> str:
        """What names the target behind the address of another page."""
        return f"?{urlencode(self.asked.place)}"

    def _remedy(self, key: str, problem: Problem) -> tuple[str, tuple[str, str] | None]:
        """What to do, and a word and the address where it is done."""
        named = references.names(problem.reference) if problem.code == "unresolved" else []
        if named and named[0].key not in self.found.winners:
            lacking = named[0]
            kind = lacking.kind or EntryKind.VARIABLE
            address = f"{reverse(f'{kind}-new')}?{urlencode({**self.asked.place, 'key': lacking.key})}"
            return f"Set {lacking.key}, or correct the reference.", (f"Set {lacking.key}", address)
        winner = self.found.winners[key]
        sentence = DO.get(problem.code, "Correct the reference.")
        if not self._entry_url(winner):
            return sentence, None
        word = "Set value" if problem.code == "revoked" else "Change"
        return sentence, (word, reverse("configuration-entry-edit", args=[winner.entry_id]))

    def _entry_url(self, one: Candidate) -> str:
        """Of what is set in an environment that the actor does not see there is no page for them."""
        known = one.environment_id is None or one.environment_id in self.places
        return reverse("configuration-entry", args=[one.entry_id]) if known else ""

    def _environment(self, one: Candidate) -> str:
        known = one.environment_id is None or one.environment_id in self.places
        return (one.environment or "") if known else scopes.ANOTHER

    def _scope(self, one: Candidate) -> str:
        holder, _ = scopes.ORDER[one.level]
        name = self.asked.whole[holder].name if holder else ""
        return scopes.title(holder=name, environment=self._environment(one))

    def _reveal(self, one: Candidate, secret: Entry) -> Revealing | None:
        if not self._entry_url(one):
            return None
        place = self.places[one.environment_id] if one.environment_id else None
        scope = self.asked.level_scope(one.level, place)
        why = WriteOnly.sentence(one.key) if secret.write_only else rights.why_not_reveal(scope, by=self.actor)
        return Revealing(one.entry_id, one.key, one.number, why)

    def lines(self, key: str) -> list[Line]:
        """Every scope that could give the key a value here, the strongest first, with what is set there."""
        winner = self.found.winners[key]
        given = [winner, *self.found.shadowed.get(key, ())]
        told: list[Line] = []
        for level in reversed(range(len(scopes.ORDER))):
            holder, here = scopes.ORDER[level]
            if (holder and holder not in self.asked.whole) or (here and self.asked.environment is None):
                continue
            at = [one for one in given if one.level == level]
            if not any(one.distance == 0 for one in at):
                scope = str(self.asked.level_scope(level, self.asked.environment if here else None))
                told.append(Line(self._words(level, scope), None, "", False, ""))
            told += [
                Line(
                    self._words(level, self._scope(one)),
                    one,
                    self._value(one, used=one is winner),
                    one is winner,
                    self._entry_url(one),
                )
                for one in at
            ]
        return told

    def _words(self, level: int, scope: str) -> str:
        return f"{LEVELS[level]}: {scope if level else self.actor.organization.name}"

    def _value(self, one: Candidate, *, used: bool) -> str:
        """Empty for what is masked."""
        return "" if one.is_secret or (used and one.key in self.found.masked) else short(one.value)


def late(secret: Entry) -> bool:
    return secret.rotate_on is not None and secret.rotate_on <= timezone.now().date()
