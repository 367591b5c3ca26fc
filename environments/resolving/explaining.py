"""Why each key has the value it has: what wins, what it shadows, and who has set it when, in words and ids."""

import uuid
from dataclasses import dataclass
from typing import Any

from django.db import connection

from environments.resolving import scopes, showing
from environments.resolving.candidates import Candidate
from environments.resolving.problems import Problem
from environments.resolving.resolution import Resolution
from environments.resolving.targets import Question
from projects import assigned
from projects.access import Actor
from projects.models import Team

_NAMES = (
    "SELECT id, name FROM projects_project WHERE id = %(project)s UNION ALL "
    "SELECT id, name FROM projects_app WHERE id = %(app)s UNION ALL "
    "SELECT id, name FROM projects_team WHERE id = %(team)s UNION ALL "
    "SELECT id, name FROM projects_agent WHERE id = %(agent)s"
)


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """`values` holds every key that has a value, masked."""

    question: Question
    by: Actor
    found: Resolution
    values: dict[str, str]
    names: dict[str, str]

    @property
    def problems(self) -> list[dict[str, str]]:
        return [_problem(one) for one in self.found.problems.values()]

    def keys(self) -> list[dict[str, Any]]:
        """Every key with its winner and what that prevails over."""
        problems = self.found.problems
        return [
            {
                "key": key,
                "masked": key in self.found.masked,
                "value": self.values.get(key),
                "winner": self.told(winner),
                "shadows": [self.told(one) for one in self.found.shadowed.get(key, [])],
                "problem": _problem(problems[key]) if key in problems else None,
            }
            for key, winner in self.found.winners.items()
        ]

    def layers(self) -> list[dict[str, Any]]:
        """The same by scope, from weak to strong."""
        by_scope: dict[tuple[int, int], list[Candidate]] = {}
        for key, winner in self.found.winners.items():
            for one in (winner, *self.found.shadowed.get(key, [])):
                by_scope.setdefault((one.level, -one.distance), []).append(one)
        return [self._layer(by_scope[place]) for place in sorted(by_scope)]

    def told(self, one: Candidate) -> dict[str, Any]:
        return {
            "id": one.entry_id,
            "kind": one.kind,
            "scope": self.scope(one),
            **self._columns(one),
            "inherited_from": environment_of(one, self.by) if one.is_inherited else None,
            "version": one.number,
            "version_id": one.version_id,
            "type": one.type,
            "value": None if one.is_secret else one.value,
            "set_by": one.by,
            "set_at": one.at,
            "revoked_at": one.revoked_at,
        }

    def scope(self, one: Candidate) -> str:
        """In words, as `str(Scope)` says it."""
        holder = one.project_id or one.app_id or one.team_id or one.agent_id
        return scopes.title(holder=self.names.get(str(holder), ""), environment=environment_of(one, self.by))

    def _columns(self, one: Candidate) -> dict[str, Any]:
        found = {column: getattr(one, column) for column in scopes.COLUMNS}
        if environment_of(one, self.by) == scopes.ANOTHER:
            found["environment_id"] = None
        if self.names.get(str(one.team_id)) == scopes.ANOTHER_TEAM:
            found["team_id"] = None
        return found

    def _layer(self, candidates: list[Candidate]) -> dict[str, Any]:
        first = candidates[0]
        return {
            "scope": self.scope(first),
            **self._columns(first),
            "inherited": first.is_inherited,
            "keys": [
                {
                    "key": one.key,
                    "wins": self.found.winners[one.key] is one,
                    "kind": one.kind,
                    "version": one.number,
                    "type": one.type,
                    "value": None if one.is_secret else one.value,
                }
                for one in candidates
            ],
        }


def environment_of(one: Candidate, by: Actor) -> str:
    """The name of the environment that it is set in; what one inherits may lie in one that one does not see."""
    seen = one.environment_id is None or by.sees(project_id=one.whose, environment_id=one.environment_id)
    return (one.environment or "") if seen else scopes.ANOTHER


def explain(question: Question, *, by: Actor) -> Explanation:
    """One statement more than resolving takes."""
    found = question.resolved()
    return Explanation(question=question, by=by, found=found, values=_values(found), names=_names(question, by))


def _values(found: Resolution) -> dict[str, str]:
    problems, hidden, built = found.problems, found.masked, found.built
    return {
        key: showing.DOTS if key in hidden else built.get(key, one.value)
        for key, one in found.winners.items()
        if key not in problems
    }


def _names(question: Question, by: Actor) -> dict[str, str]:
    """Of an agent that one sees the team may be one that one does not."""
    target = question.target
    ids: dict[str, uuid.UUID | None] = {holder: getattr(target, f"{holder}_id") for holder in scopes.HOLDERS}
    if not any(ids.values()):
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_NAMES, ids)
        told = {str(id): name for id, name in cursor.fetchall()}
    if target.agent_id and target.team_id and not Team.objects.filter(assigned.seen(by, Team), pk=target.team_id):
        told[str(target.team_id)] = scopes.ANOTHER_TEAM
    return told


def _problem(one: Problem) -> dict[str, str]:
    return {"key": one.key, "code": one.code, "reference": one.reference, "sentence": f"{one.sentence}."}
