"""The one function that says which values hold for an app, team or agent in an environment, and why.

Everybody asks here: pages, API, gates, pins and workers. Values that lose are kept with those that win, so that
explaining and resolving are the same look.
"""

import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property

from environments import sealing
from environments.resolving import candidates, references, scopes, statements, vaults
from environments.resolving.candidates import Candidate
from environments.resolving.problems import Problem, unresolvable
from environments.resolving.references import Malformed, Reference
from environments.resolving.statements import Statement
from projects import rows


@dataclass(frozen=True, kw_only=True)
class Target:
    """For what: at most an app with its project, a team, an agent with its team; in which environment."""

    organization_id: uuid.UUID
    environment_id: uuid.UUID | None = None
    project_id: uuid.UUID | None = None
    app_id: uuid.UUID | None = None
    team_id: uuid.UUID | None = None
    agent_id: uuid.UUID | None = None


@dataclass
class Resolution:
    """`winners` by key, in the order of keys; `rows` is all that was looked at, strongest first for each key. `stamp`
    is another one as soon as any value that was looked at is another."""

    organization_id: uuid.UUID
    winners: dict[str, Candidate]
    rows: Sequence[Candidate] = ()
    stamp: str = ""
    _read: dict[str, list[str | Reference]] = field(default_factory=dict, repr=False)

    @cached_property
    def shadowed(self) -> dict[str, list[Candidate]]:
        """What each winner prevails over, strongest first."""
        found: dict[str, list[Candidate]] = {}
        for row in self.rows:
            if row is not self.winners[row.key]:
                found.setdefault(row.key, []).append(row)
        return found

    @cached_property
    def box(self) -> sealing.Box:
        return sealing.box(self.organization_id)

    @cached_property
    def reader(self) -> vaults.Reader:
        return vaults.Reader(self.organization_id, lambda: self.box)

    @cached_property
    def masked(self) -> frozenset[str]:
        """Keys of secrets and of values that are built from one: what nobody sees by accident."""
        secrets = [key for key, one in self.winners.items() if one.is_secret]
        return frozenset(secrets + [key for key in self._particular if self.secrets_in(key)])

    @cached_property
    def _particular(self) -> list[str]:
        """Keys whose value is not just what is set for them."""
        return [key for key, one in self.winners.items() if one.refers or one.revoked]

    @property
    def problems(self) -> dict[str, Problem]:
        """Keys that have no value, and why; no secret is opened that does not refer to others, and no store asked."""
        return self._looked_through[1]

    @property
    def built(self) -> dict[str, str]:
        """What values that refer to others come to, where no secret is among them."""
        return {key: value for key, value in self._looked_through[0].items() if key not in self.masked}

    @cached_property
    def _looked_through(self) -> tuple[dict[str, str], dict[str, Problem]]:
        values: dict[str, str] = {}
        broken: dict[str, Problem] = {}
        for key in self._particular:
            try:
                values[key] = self._walk(key, (), lambda one: "" if one.is_secret else one.value)
            except _Broken as error:
                broken[key] = Problem(key, error.code, str(error), error.reference)
        return values, broken

    @cached_property
    def troubles(self) -> dict[str, Problem]:
        """Keys whose value lies in a store that does not give it now, and why; the stores are asked for it."""
        found: dict[str, Problem] = {}
        if not any(one.store_id for one in self.winners.values()):
            return found
        for key in self.winners:
            if key not in self.problems and any(one.store_id for one in self.secrets_in(key).values()):
                try:
                    self._walk(key, (), self._open)
                except _Broken as broken:
                    found[key] = Problem(key, broken.code, str(broken), broken.reference)
        return found

    def environ(self, keys: Iterable[str] | None = None) -> dict[str, str]:
        """Every value in the open (or those of `keys`), references resolved; Unresolvable with each that is not."""
        values: dict[str, str] = {}
        broken: list[Problem] = []
        total = 0
        for key in self.winners if keys is None else keys:
            try:
                value = self._walk(key, (), self._open)
            except _Broken as one:
                broken.append(Problem(key, one.code, str(one), one.reference))
                continue
            total += len(key) + len(value.encode())
            if total > references.ALL:
                broken.append(Problem(key, "too-large", "all values together are more than 1 MB"))
                break
            values[key] = value
        if broken:
            raise unresolvable(broken)
        return values

    def masks(self, values: dict[str, str]) -> list[str]:
        """The values that must be masked wherever they show up: each secret as it was set, and what is built of it."""
        secrets = set()
        for one in self.winners.values():
            if one.is_secret and not one.revoked:
                with suppress(_Broken):  # what nobody was given shows up nowhere
                    secrets.add(self._open(one))
        return sorted(secrets | {values[key] for key in self.masked if key in values})

    def _walk(self, key: str, path: tuple[str, ...], opened: Callable[[Candidate], str]) -> str:
        """The value of `key` with its references resolved; `opened` gives what is set, or nothing for what is
        not to be opened."""
        winner = self.winners[key]
        if winner.revoked:
            raise _Broken("revoked", f"{key} v{winner.number} is revoked")
        if not winner.refers:
            return opened(winner)
        if len(path) >= references.DEEPEST:
            raise _Broken("too-deep", f"values refer to each other more than {references.DEEPEST} deep")
        whole, size = [], 0
        try:
            for part in self._parts(winner):
                piece = part if isinstance(part, str) else self._referred(key, part, path, opened)
                size += len(piece.encode())
                if size > references.LONGEST:
                    raise _Broken("too-large", f"{key} becomes longer than 64 kB")
                whole.append(piece)
        except Malformed as error:
            raise _Broken("malformed", str(error)) from None
        return "".join(whole)

    def _referred(
        self, key: str, reference: Reference, path: tuple[str, ...], opened: Callable[[Candidate], str]
    ) -> str:
        line = (*path, key)
        if reference.key in line:
            circle = " -> ".join((*line[line.index(reference.key) :], reference.key))
            raise _Broken("cycle", f"values refer to each other in a circle: {circle}", str(reference))
        winner = self.winners.get(reference.key)
        if winner is None:
            raise _Broken("unresolved", f"{key} refers to {reference}, which is set nowhere here", str(reference))
        if reference.kind and reference.kind != winner.kind:
            sentence = f"{key} refers to {reference}, but {reference.key} is a {winner.kind}"
            raise _Broken("unresolved", sentence, str(reference))
        return self._walk(reference.key, line, opened)

    def trace(self, key: str) -> tuple[tuple[str, str], ...]:
        """(key, version id) of the value and of all that it is built from: another one wherever it may be another."""
        return tuple(sorted((each, one.version) for each, one in self._reached(key).items()))

    def secrets_in(self, key: str) -> dict[str, Candidate]:
        """The secrets that a value is or is built from, by key."""
        return {each: one for each, one in self._reached(key).items() if one.is_secret}

    def _reached(self, key: str) -> dict[str, Candidate]:
        found: dict[str, Candidate] = {}
        waiting = [key]
        while waiting:
            one = waiting.pop()
            winner = self.winners.get(one)
            if winner is None or one in found:
                continue
            found[one] = winner
            if winner.refers and (not winner.is_secret or winner.sealed_text is not None):
                with suppress(Malformed):
                    waiting += [part.key for part in self._parts(winner) if isinstance(part, Reference)]
        return found

    def _parts(self, winner: Candidate) -> list[str | Reference]:
        """What is set, taken apart: once, however often it is asked for."""
        known = self._read.get(winner.key)
        if known is None:
            known = self._read[winner.key] = list(references.parts(self._open(winner)))
        return known

    def _open(self, winner: Candidate) -> str:
        if not winner.is_secret:
            return winner.value
        if winner.store_id is not None:
            try:
                return self.reader.read(winner.version_id, winner.store_id, path=winner.path, field=winner.field)
            except vaults.Trouble as trouble:
                raise _Broken(trouble.code, str(trouble)) from None
        if (sealed := winner.sealed) is None:
            raise _Broken("revoked", f"{winner.key} v{winner.number} is destroyed")
        return self.box.open(sealed, context=winner.context).reveal()


EMPTY = Resolution(uuid.UUID(int=0), {})


class _Broken(Exception):
    def __init__(self, code: str, sentence: str, reference: str = "") -> None:
        super().__init__(sentence)
        self.code, self.reference = code, reference


def resolve(target: Target, *, asking: Statement = statements.values) -> Resolution:
    """What holds for `target` now; one statement, one more once a secret is opened, and one once a store is asked."""
    return of(target, told(target, asking))


def of(target: Target, listed: str) -> Resolution:
    """Of what one of `statements` told. Where that was `without_origins`, nobody may ask of a variable where it is set,
    by whom, when, of which type it is and which version."""
    stamp, found = candidates.made(listed)
    winners: dict[str, Candidate] = {}
    for row in found:  # strongest first for each key
        winners.setdefault(row.key, row)
    return Resolution(target.organization_id, winners, found, stamp)


def told(target: Target, statement: Statement) -> str:
    """What it answers now."""
    ids = {holder: getattr(target, f"{holder}_id") for holder in scopes.HOLDERS}
    given = tuple(holder for holder in scopes.HOLDERS if ids[holder] is not None)
    values = ids | {"organization": target.organization_id, "environment": target.environment_id}
    asked = f"WITH asked AS ({statements.ASKED}) SELECT ({statement(given, target.environment_id is not None)})"
    with rows.planned() as database, database.cursor() as cursor:
        cursor.execute(asked, values)
        found: str = cursor.fetchone()[0]
    return found
