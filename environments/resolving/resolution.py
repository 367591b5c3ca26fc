"""The one function that says which values hold for an app, team or agent in an environment, and why.

Everybody asks here: pages, API, gates, pins and workers. Values that lose are kept with those that win, so that
explaining and resolving are the same look.
"""

import hashlib
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

import orjson
from django.db import connection

from environments import sealing
from environments.models import EntryKind, Environment
from environments.resolving import references, scopes, statements, vaults
from environments.resolving.references import Malformed, Reference
from projects.credentials import Secret
from projects.errors import Conflict


class Candidate(NamedTuple):
    """One value that is set somewhere; `level` is the place of its scope in `scopes.ORDER`, `distance` how many steps
    along `based_on` its environment lies away.

    What only explaining asks for is kept as the database writes it, `rest`: to make objects of it costs more than all
    the rest of a look.
    """

    key: str
    kind: str
    value: str
    sealed: bytes | None
    refers: bool
    revoked: str | None
    version: str
    distance: int
    level: int
    rest: str

    @property
    def is_secret(self) -> bool:
        return self.kind == EntryKind.SECRET

    @property
    def is_inherited(self) -> bool:
        return self.distance > 0

    @property
    def parts(self) -> list[Any]:
        """As `statements` names them."""
        found: list[Any] = orjson.loads(self.rest)
        return found

    @property
    def type(self) -> str:
        return str(self.parts[0])

    @property
    def number(self) -> int:
        return int(self.parts[1])

    @property
    def by(self) -> str:
        return str(self.parts[2])

    @property
    def at(self) -> datetime:
        return datetime.fromisoformat(self.parts[3])

    @property
    def revoked_at(self) -> datetime | None:
        return datetime.fromisoformat(self.revoked) if self.revoked else None

    @property
    def version_id(self) -> uuid.UUID:
        return uuid.UUID(self.version)

    @property
    def entry_id(self) -> uuid.UUID:
        return uuid.UUID(self.parts[4])

    @property
    def project_id(self) -> uuid.UUID | None:
        return _id(self.parts[5])

    @property
    def app_id(self) -> uuid.UUID | None:
        return _id(self.parts[6])

    @property
    def team_id(self) -> uuid.UUID | None:
        return _id(self.parts[7])

    @property
    def agent_id(self) -> uuid.UUID | None:
        return _id(self.parts[8])

    @property
    def environment_id(self) -> uuid.UUID | None:
        return _id(self.parts[9])

    @property
    def environment(self) -> str | None:
        """Its name."""
        name: str | None = self.parts[10]
        return name

    @property
    def write_only(self) -> bool:
        return bool(self.parts[11])

    @property
    def store_id(self) -> uuid.UUID | None:
        """The store in which a secret lies that is not sealed here, at `path` and `field`."""
        return _id(self.parts[12]) if self.is_secret and self.sealed is None else None

    @property
    def path(self) -> str:
        return str(self.parts[13])

    @property
    def field(self) -> str:
        return str(self.parts[14])

    @property
    def place(self) -> Secret:
        """What is compared instead of a value that lies in a store."""
        return place_of(self.store_id, self.path, self.field)


def _id(text: str | None) -> uuid.UUID | None:
    return uuid.UUID(text) if text else None


class Problem(NamedTuple):
    """Why a key has no value; `reference` is what could not be resolved, if that is it."""

    key: str
    code: str  # unresolved, cycle, revoked, malformed, too-large, too-deep; store-... as in vaults.Trouble
    sentence: str
    reference: str = ""


class Unresolvable(Conflict):
    """`errors` names each key and reference."""

    code = "unresolvable"


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
    """`winners` by key, in the order of keys, and what each of them shadows, strongest first."""

    organization_id: uuid.UUID
    winners: dict[str, Candidate]
    shadowed: dict[str, list[Candidate]] = field(default_factory=dict)

    @cached_property
    def box(self) -> sealing.Box:
        return sealing.box(self.organization_id)

    @cached_property
    def reader(self) -> vaults.Reader:
        return vaults.Reader(self.organization_id, lambda: self.box)

    @property
    def pins(self) -> list[tuple[str, str]]:
        """(key, version id), in the order of keys: what a deployment keeps."""
        return [(key, one.version) for key, one in self.winners.items()]

    @property
    def digest(self) -> str:
        return digest_of(self.pins)

    @property
    def stamp(self) -> str:
        """Another one as soon as any value that was looked at is another; the same that `stamp` answers."""
        rows = (one for key, winner in self.winners.items() for one in (winner, *self.shadowed.get(key, ())))
        whole = ",".join([f"{one.version}:{one.level}:{one.distance}:{one.revoked or ''}" for one in rows])
        return hashlib.sha256(whole.encode()).hexdigest()

    @cached_property
    def masked(self) -> frozenset[str]:
        """Keys of secrets and of values that are built from one: what nobody sees by accident."""
        return frozenset(
            key for key, one in self.winners.items() if one.is_secret or (one.refers and self.secrets_in(key))
        )

    @cached_property
    def problems(self) -> dict[str, Problem]:
        """Keys that have no value, and why; no secret is opened that does not refer to others, and no store asked."""
        found: dict[str, Problem] = {}
        for key, winner in self.winners.items():
            if winner.revoked or winner.refers:
                try:
                    self._walk(key, (), lambda one: "" if one.is_secret else one.value)
                except _Broken as broken:
                    found[key] = Problem(key, broken.code, str(broken), broken.reference)
        return found

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
        text = self._open(winner) if winner.is_secret else winner.value
        if len(path) >= references.DEEPEST:
            raise _Broken("too-deep", f"values refer to each other more than {references.DEEPEST} deep")
        whole, size = [], 0
        try:
            for part in references.parts(text):
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
            if winner.refers and (not winner.is_secret or winner.sealed is not None):
                with suppress(Malformed):
                    waiting += [each.key for each in references.names(self._open(winner))]
        return found

    def _open(self, winner: Candidate) -> str:
        if not winner.is_secret:
            return winner.value
        if winner.store_id is not None:
            try:
                return self.reader.read(winner.version_id, winner.store_id, path=winner.path, field=winner.field)
            except vaults.Trouble as trouble:
                raise _Broken(trouble.code, str(trouble)) from None
        if winner.sealed is None:
            raise _Broken("revoked", f"{winner.key} v{winner.number} is destroyed")
        parts = winner.parts
        context = _context(parts[4], parts[5:10], winner.key, parts[1])
        return self.box.open(winner.sealed, context=context).reveal()


EMPTY = Resolution(uuid.UUID(int=0), {})


class _Broken(Exception):
    def __init__(self, code: str, sentence: str, reference: str = "") -> None:
        super().__init__(sentence)
        self.code, self.reference = code, reference


def resolve(target: Target) -> Resolution:
    """What holds for `target` now; one statement, one more once a secret is opened, and one once a store is asked."""
    statement, values = _statement(target)
    with connection.cursor() as cursor:
        cursor.execute(f"{statement} ORDER BY key, level DESC, distance", values)
        rows = cursor.fetchall()
    resolution = Resolution(target.organization_id, {})
    winners, shadowed = resolution.winners, resolution.shadowed
    for row in rows:  # strongest first for each key
        key = row[0]
        if key in winners:
            shadowed.setdefault(key, []).append(Candidate._make(row))
        else:
            winners[key] = Candidate._make(row)
    return resolution


def stamp(target: Target) -> str:
    """Of what `resolve` would answer now, by the versions alone: one statement, and no value leaves the database."""
    statement, values = _statement(target)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT encode(sha256(convert_to(COALESCE(string_agg(version_id || ':' || level || ':' || distance || ':' "
            "|| COALESCE(revoked, ''), ',' ORDER BY key, level DESC, distance), ''), 'UTF8')), 'hex') "
            f"FROM ({statement}) candidate",
            values,
        )
        found: str = cursor.fetchone()[0]
    return found


def pinned(organization_id: uuid.UUID, pins: Sequence[Sequence[str]]) -> Resolution:
    """What was pinned, as it is now: a version that was revoked since has no value. One statement."""
    found = versions(organization_id, [version for _, version in pins])
    return Resolution(organization_id, {key: found[version] for key, version in pins if version in found})


def versions(organization_id: uuid.UUID, ids: Sequence[str]) -> dict[str, Candidate]:
    """Versions of the organization's entries by their id; one statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {statements.COLUMNS} FROM environments_entryversion version "
            "JOIN environments_entry entry ON entry.id = version.entry_id "
            "LEFT JOIN LATERAL (SELECT name AS here FROM environments_environment WHERE id = entry.environment_id) "
            "place ON TRUE CROSS JOIN (SELECT 0 AS distance, 0 AS level) nearest "
            "WHERE entry.organization_id = %s AND version.id = ANY(%s::uuid[])",
            [organization_id, list(ids)],
        )
        rows = [Candidate._make(row) for row in cursor.fetchall()]
    return {one.version: one for one in rows}


def digest_of(pins: Sequence[Sequence[str]]) -> str:
    """Over keys and versions: nothing of a value can be learnt from it."""
    return hashlib.sha256(
        "\n".join(f"{key} {version}" for key, version in sorted(map(tuple, pins))).encode()
    ).hexdigest()


def context_of(scoped: Any, *, entry_id: uuid.UUID, number: int) -> str:
    """What a secret's version is sealed for: bound to its row, its scope, its key and its number."""
    return _context(entry_id, [getattr(scoped, column) for column in scopes.COLUMNS], scoped.key, number)


def place_of(store_id: uuid.UUID | None, path: str, field: str) -> Secret:
    """No value holds a NUL character, so that no value is taken for a place."""
    return Secret("\0".join(("", str(store_id), path, field)))


def _context(entry_id: object, ids: Iterable[object], key: str, number: int) -> str:
    return f"entry:{entry_id}:{':'.join(str(each or '') for each in ids)}:{key}:{number}"


def unresolvable(problems: Sequence[Problem]) -> Unresolvable:
    more = f", and {len(problems) - 1} more keys" if len(problems) > 1 else ""
    return Unresolvable(
        f"{problems[0].key} has no value: {problems[0].sentence}{more}.",
        errors=[
            {"field": one.key, "code": one.code, "reference": one.reference, "message": f"{one.sentence}."}
            for one in problems
        ],
    )


def line(environment: Environment) -> Iterator[Environment]:
    """The environment and what it is based on, nearest first."""
    at: Environment | None = environment
    for _ in range(statements.FURTHEST):
        if at is None:
            return
        yield at
        at = at.based_on


def _statement(target: Target) -> tuple[str, dict[str, Any]]:
    """What finds the values for `target`, before it is said in which order, and with what."""
    ids = {holder: getattr(target, f"{holder}_id") for holder in scopes.HOLDERS}
    given = tuple(holder for holder in scopes.HOLDERS if ids[holder] is not None)
    values = ids | {"organization": target.organization_id, "environment": target.environment_id}
    return statements.written(given, target.environment_id is not None), values
