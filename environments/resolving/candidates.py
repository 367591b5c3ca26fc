"""One value as the database tells of it: what it is, where it is set, and how it is sealed."""

import base64
import uuid
from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import orjson

from environments.models import EntryKind
from environments.resolving import scopes
from projects.credentials import Secret


class Candidate(NamedTuple):
    """One value that is set somewhere; `mark` is another one as soon as anything of it is another.

    What only explaining asks for is kept as the database writes it, `rest`: to make objects of it costs more than all
    the rest of a look. Where nobody asks for it (`statements.without_origins`) a variable has neither that nor a mark.
    """

    key: str
    is_secret: bool
    value: str
    sealed_text: str | None
    refers: bool
    revoked: str | None
    mark: str
    rest: str | None

    @property
    def kind(self) -> EntryKind:
        return EntryKind.SECRET if self.is_secret else EntryKind.VARIABLE

    @property
    def sealed(self) -> bytes | None:
        return base64.b64decode(self.sealed_text) if self.sealed_text is not None else None

    @property
    def version(self) -> str:
        """The version's id, as text."""
        return self.mark.partition(":")[0]

    @property
    def level(self) -> int:
        """The place of its scope in `scopes.ORDER`."""
        return int(self.mark.split(":")[1])

    @property
    def distance(self) -> int:
        """How many steps along `based_on` its environment lies away."""
        return int(self.mark.split(":")[2])

    @property
    def is_inherited(self) -> bool:
        return self.distance > 0

    @property
    def parts(self) -> list[Any]:
        """As `statements` names them."""
        found: list[Any] = orjson.loads(self.rest or "")
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
        return _id(self.parts[12]) if self.is_secret and self.sealed_text is None else None

    @property
    def path(self) -> str:
        return str(self.parts[13])

    @property
    def field(self) -> str:
        return str(self.parts[14])

    @property
    def whose(self) -> uuid.UUID | None:
        """The project that its environment belongs to, for who may see that."""
        return _id(self.parts[15])

    @property
    def context(self) -> str:
        """What its version is sealed for."""
        parts = self.parts
        return _context(parts[4], parts[5:10], self.key, parts[1])

    @property
    def place(self) -> Secret:
        """What is compared instead of a value that lies in a store."""
        return place_of(self.store_id, self.path, self.field)


def _id(text: str | None) -> uuid.UUID | None:
    return uuid.UUID(text) if text else None


def made(listed: str) -> tuple[str, list[Candidate]]:
    """The stamp and the values of what `statements.listed` answers. (As tuples: the named way costs twice as much.)"""
    stamp, *columns = orjson.loads(listed)
    rows = zip(*[column or () for column in columns], strict=True)
    return stamp, list(map(partial(tuple.__new__, Candidate), rows))


def context_of(scoped: Any, *, entry_id: uuid.UUID, number: int) -> str:
    """What a secret's version is sealed for: bound to its row, its scope, its key and its number."""
    return _context(entry_id, [getattr(scoped, column) for column in scopes.COLUMNS], scoped.key, number)


def place_of(store_id: uuid.UUID | None, path: str, field: str) -> Secret:
    """No value holds a NUL character, so that no value is taken for a place."""
    return Secret("\0".join(("", str(store_id), path, field)))


def _context(entry_id: object, ids: Iterable[object], key: str, number: int) -> str:
    return f"entry:{entry_id}:{':'.join(str(each or '') for each in ids)}:{key}:{number}"
