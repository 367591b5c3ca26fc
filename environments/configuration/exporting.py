"""A scope's keys as the text of a `.env` file; secrets as comments, unless whoever takes it away may see them all."""

import uuid
from collections.abc import Iterable

from environments.configuration import entries, env_text, rights, secrets
from environments.models import Entry, EntryKind
from environments.resolving.scopes import Scope
from projects import events
from projects.access import Actor
from projects.credentials import Secret


def text(scope: Scope, *, by: Actor) -> str:
    """Variables as they were set, and of secrets the names, each in a comment. One statement."""
    return _head(scope) + _body(_here(scope, by=by), {})


def editable(scope: Scope, *, by: Actor) -> str:
    """The variables alone, to be changed and read again."""
    return _body((one for one in _here(scope, by=by) if one.kind == EntryKind.VARIABLE), {})


@events.operation
def revealed(scope: Scope, *, by: Actor) -> Secret:
    """With the value of every secret that can be revealed, as one event; the others stay comments."""
    rights.check_reveal(scope, by=by)
    here = _here(scope, by=by)
    opened = secrets.opened([one for one in here if one.kind == EntryKind.SECRET and not one.write_only])
    if opened:
        events.record(
            "secret.exported",
            by=by,
            object={"kind": "scope", "id": "", "name": str(scope)},
            project_id=scope.within,
            environment_id=scope.environment_id,
            app_id=scope.app.pk if scope.app else None,
            keys=sorted(one.key for one in here if one.pk in opened),
        )
    return Secret(_head(scope) + _body(here, opened))


def _here(scope: Scope, *, by: Actor) -> list[Entry]:
    return list(entries.visible(by).filter(**scope.columns).order_by("key", "id"))


def _head(scope: Scope) -> str:
    return f"# {' '.join(str(scope).split())}\n"


def _body(here: Iterable[Entry], opened: dict[uuid.UUID, Secret]) -> str:
    return "".join(f"{_line(entry, opened.get(entry.pk))}\n" for entry in here)


def _line(entry: Entry, value: Secret | None) -> str:
    assert entry.current is not None
    if entry.kind == EntryKind.VARIABLE:
        return env_text.written(entry.key, entry.current.value)
    if value is not None:
        return env_text.written(entry.key, value.reveal())
    why = " (revoked)" if entry.current.revoked_at else " (write-only)" if entry.write_only else ""
    return f"# {entry.key}= is a secret{why}"
