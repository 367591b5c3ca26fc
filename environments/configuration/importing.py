"""A scope's keys from the text of a `.env` file: first what would change, then all of it or nothing."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from environments.configuration import entries, env_text, rights, secrets, values, variables
from environments.configuration.env_text import Line
from environments.models import Entry, EntryKind
from environments.resolving.scopes import Scope
from projects import events
from projects.access import Actor
from projects.credentials import Secret
from projects.errors import Invalid
from projects.versions import ChangedMeanwhile

# Each is a change and an event like any other, some dozen statements, and all of them are one transaction.
MOST = 200
WITH = ("current", "project", "app__project", "team", "agent", "environment", "integration")
NOTE = "imported from a .env file"


@dataclass(frozen=True, kw_only=True)
class Wish:
    """`secrets` names those of the keys that are to be secrets, `as_secrets` makes every new one a secret; `replace`
    also deletes the variables that the text does not have. What is a secret already stays one."""

    text: Secret
    secrets: frozenset[str] = frozenset()
    as_secrets: bool = False
    replace: bool = False


@dataclass(frozen=True)
class Change:
    """`what` is new, changed, same or gone; `before` and `after` are None where there is none, or none to be shown."""

    key: str
    what: str
    kind: str
    line: int | None = None
    before: str | None = None
    after: str | None = None
    entry: Entry | None = field(default=None, repr=False)
    given: Secret = field(default_factory=lambda: Secret(""), repr=False)


@dataclass(frozen=True)
class Difference:
    """`digest` is another one as soon as what would be done is another thing, or is done to something newer."""

    scope: Scope
    changes: list[Change]
    digest: str

    @property
    def counts(self) -> dict[str, int]:
        counted = Counter(one.what for one in self.changes)
        return {what: counted[what] for what in ("new", "changed", "gone", "same")}

    @property
    def is_empty(self) -> bool:
        return all(one.what == "same" for one in self.changes)


def preview(scope: Scope, wish: Wish, *, by: Actor) -> Difference:
    """What saving would do, in the order of the text; no value of a secret is in it, and none is compared."""
    rights.check_write(scope, by=by)
    return _difference(scope, wish, _here(scope, by=by))


@events.operation
def save(scope: Scope, wish: Wish, *, by: Actor, seen: str | None = None) -> Difference:
    """Do all of it; ChangedMeanwhile where `seen`, the digest of a preview, is not what would be done now."""
    rights.check_write(scope, by=by)
    found = _difference(scope, wish, _here(scope, by=by, locked=True))
    if seen is not None and seen != found.digest:
        raise ChangedMeanwhile(f"Somebody changed {scope} meanwhile; look at what would change now, then save again.")
    # In one order, so that two who import at the same moment wait for each other instead of both.
    for change in sorted(found.changes, key=lambda one: (one.what != "gone", one.key)):
        _carry_out(scope, change, by=by)
    return found


def _here(scope: Scope, *, by: Actor, locked: bool = False) -> dict[str, Entry]:
    rows = Entry.objects.filter(organization=by.organization, deleted_at=None, **scope.columns).order_by("key", "id")
    if locked:
        entries.hold(rows.values_list("pk", flat=True))
    return {one.key: one for one in rows.select_related(*WITH)}


def _difference(scope: Scope, wish: Wish, here: dict[str, Entry]) -> Difference:
    lines = env_text.read(wish.text.reveal())
    if unknown := sorted(wish.secrets - {line.key for line in lines}):
        raise Invalid.field("secrets", f"{unknown[0]} is not in the text.")
    changes, wrong = [], []
    for line in lines:
        try:
            changes.append(_change(line, here.get(line.key), wish))
        except Invalid as refused:
            wrong.append((line.number, _sentence(line.key, refused)))
    if wrong:
        raise env_text.refusal(wrong)
    if wish.replace:
        changes += _gone(here, {line.key for line in lines})
    if (many := sum(one.what != "same" for one in changes)) > MOST:
        raise Invalid.field("text", f"changes {many} keys; change at most {MOST} at once, in several steps.")
    return Difference(scope, changes, _digest(scope, changes))


def _change(line: Line, entry: Entry | None, wish: Wish) -> Change:
    if entry is None:
        secret = wish.as_secrets or line.key in wish.secrets
        values.check_key(line.key)
        values.check(line.value)
        kind = EntryKind.SECRET if secret else EntryKind.VARIABLE
        shown = None if secret else line.value
        return Change(line.key, "new", kind, line.number, after=shown, given=Secret(line.value))
    assert entry.current is not None
    if entry.kind == EntryKind.SECRET:
        if not line.value:
            raise Invalid("is a secret here and has no value in the text; leave the line out to keep it")
        values.check(line.value)
        return Change(line.key, "changed", entry.kind, line.number, entry=entry, given=Secret(line.value))
    if line.key in wish.secrets:
        raise Invalid("is a variable here; delete it first to set it as a secret")
    before = entry.current.value
    what = "same" if before == line.value else "changed"
    if what == "changed":
        entries.check_by_hand(entry)
    values.check(line.value, entry.current.type)
    return Change(line.key, what, entry.kind, line.number, before, line.value, entry, Secret(line.value))


def _gone(here: dict[str, Entry], named: set[str]) -> Iterator[Change]:
    """Variables only, and those set by hand: a text that shows no secrets is no wish to lose them."""
    for key, entry in here.items():
        if key not in named and entry.kind == EntryKind.VARIABLE and entry.integration is None:
            assert entry.current is not None
            yield Change(key, "gone", entry.kind, before=entry.current.value, entry=entry)


def _carry_out(scope: Scope, change: Change, *, by: Actor) -> None:
    note = by.why.reason[: values.LONGEST_NOTE // 4] or NOTE
    secret = change.kind == EntryKind.SECRET
    if change.what == "gone":
        assert change.entry is not None
        entries.delete(change.entry, by=by, note=note)
    elif change.what == "new" and secret:
        secrets.create(scope, by=by, key=change.key, value=change.given, note=note)
    elif change.what == "new":
        variables.create(scope, by=by, key=change.key, value=change.given.reveal(), note=note)
    elif change.what == "changed":
        assert change.entry is not None
        if secret:
            secrets.update(change.entry, by=by, value=change.given, note=note)
        else:
            variables.update(change.entry, by=by, value=change.given.reveal(), note=note)


def _digest(scope: Scope, changes: list[Change]) -> str:
    """Of no secret, so that nobody finds one by trying; nor of what a new key is to be, which overwrites nothing."""
    said: list[Any] = [
        [one.key, one.what, one.after if one.entry else None, str(one.entry.current_id) if one.entry else None]
        for one in changes
    ]
    whole = json.dumps([sorted(scope.columns.items()), said], default=str)
    return hashlib.sha256(whole.encode()).hexdigest()[:32]


def _sentence(key: str, refused: Invalid) -> str:
    """A refusal of one value as the rest of a sentence that begins with its line."""
    message = str(refused.errors[0]["message"]) if refused.errors else refused.detail
    message = message.removeprefix(f"{key}: ")
    return f"sets {key}, which {message}" if message.startswith(("is ", "holds ")) else f"sets {key}: {message}"
