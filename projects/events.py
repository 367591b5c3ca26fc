"""THE place that writes events, and the operation that every change of the house is.

`record()` only buffers. The outermost `@operation` is one transaction: as its last act it checks deferred constraints
and inserts what was recorded, so that the per-organization counter row is locked for the shortest time and numbers
follow the order of commits. A failed inner operation takes its events with it.
"""

import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.db import OperationalError, connection, transaction
from psycopg import errors as postgres

from projects import bell
from projects.access import Actor
from projects.models import Event

P = ParamSpec("P")
R = TypeVar("R")
MOST_EVENTS = 500
# What makes a list longer or shorter, whoever looks at it.
COMES_OR_GOES = {"created", "archived", "restored", "deleted", "terminated"}


@dataclass
class _Buffer:
    depth: int = 0
    events: list[Event] = field(default_factory=list)


class _Local(threading.local):
    def __init__(self) -> None:
        self.buffer = _Buffer()
        self.noted: list[Event] | None = None


_local = _Local()


def operation(function: Callable[P, R]) -> Callable[P, R]:
    """Make `function` one transaction with its events. A deadlock is retried once, by the outermost operation."""

    @wraps(function)
    def operated(*args: P.args, **kwargs: P.kwargs) -> R:
        if isinstance(by := kwargs.get("by"), Actor):
            by.why.check()
        if _local.buffer.depth:
            return _inner(function, *args, **kwargs)
        try:
            return _outer(function, *args, **kwargs)
        except OperationalError as error:
            if not isinstance(error.__cause__, postgres.DeadlockDetected | postgres.SerializationFailure):
                raise
            return _outer(function, *args, **kwargs)

    return operated


def _outer(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    _local.buffer = buffer = _Buffer(depth=1)
    try:
        with transaction.atomic():
            result = function(*args, **kwargs)
            _flush(buffer.events)
        if _local.noted is not None:
            _local.noted += buffer.events
        return result
    finally:
        _local.buffer = _Buffer()


def _inner(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    buffer = _local.buffer
    kept = len(buffer.events)
    buffer.depth += 1
    try:
        with transaction.atomic():
            return function(*args, **kwargs)
    except BaseException:
        del buffer.events[kept:]
        raise
    finally:
        buffer.depth -= 1


@contextmanager
def noted() -> Iterator[list[Event]]:
    """What the operations inside it have written, each once it is committed."""
    before, _local.noted = _local.noted, []
    try:
        yield _local.noted
    finally:
        _local.noted = before


def record(
    kind: str,
    *,
    by: Actor,
    object: dict[str, Any],
    project_id: uuid.UUID | None = None,
    environment_id: uuid.UUID | None = None,
    app_id: uuid.UUID | None = None,
    subjects: Iterable[str] = (),
    **data: Any,
) -> None:
    """Remember that something happened: `kind` is `noun.verb_past`, `object` `{kind, id, name}`, never a secret.

    The actor's reason and link are added where the event has none of its own.

    `subjects` are added to the ones that follow from the ids: `environment:<id>`, `app:<id>`, `project:<id>` and
    `<object kind>:<object id>`; where something comes or goes, also the name of such things, `apps`, for those who
    list them.
    """
    if not _local.buffer.depth:
        raise RuntimeError("An event is recorded inside an operation.")
    named = {
        f"{noun}:{value}"
        for noun, value in (("environment", environment_id), ("app", app_id), ("project", project_id))
        if value
    }
    noun, _, verb = kind.partition(".")
    if verb in COMES_OR_GOES:
        named.add(f"{noun}s")
    if object.get("kind") and object.get("id"):
        named.add(f"{object['kind']}:{object['id']}")
    if len(_local.buffer.events) >= MOST_EVENTS:
        raise RuntimeError("One operation records at most 500 events; make it several operations.")
    _local.buffer.events.append(
        Event(
            organization_id=by.organization.id,
            kind=kind,
            actor=by.label,
            object={key: str(value) for key, value in object.items()},
            project_id=project_id,
            environment_id=environment_id,
            app_id=app_id,
            subjects=sorted(named | set(subjects)),
            data=data | {name: value for name, value in by.why.told().items() if not data.get(name)},
        )
    )


def _flush(recorded: list[Event]) -> None:
    if not recorded:
        return
    if len({event.organization_id for event in recorded}) > 1:
        raise RuntimeError("One operation writes the events of one organization.")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    Event.objects.bulk_create(recorded)
    bell.ring(bell.EVENTS, organization=recorded[0].organization_id)
