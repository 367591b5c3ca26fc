"""Where a page of a list ends, as the opaque text that asks for the next one."""

import base64
import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from projects.errors import Invalid


def write(*parts: object) -> str:
    """What `read` gives back for the kinds of these parts."""
    told = [part.isoformat() if isinstance(part, datetime) else part for part in parts]
    return base64.urlsafe_b64encode(json.dumps(told, default=str).encode()).decode().rstrip("=")


def read(cursor: str, *kinds: type) -> tuple[Any, ...]:
    """The parts, each of its kind: `int`, `str`, `UUID` or `datetime`; Invalid for what `write` never gave out."""
    try:
        told = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return tuple(READ[kind](part) for kind, part in zip(kinds, told, strict=True))
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        raise Invalid.field("cursor", "is not one of ours; begin with the first page") from None


def _number(part: Any) -> int:
    if type(part) is not int or not -(2**31) <= part < 2**31:
        raise ValueError(part)
    return part


def _text(part: Any) -> str:
    """One that the database can keep: no NUL, no half of a surrogate pair."""
    if b"\0" in part.encode():
        raise ValueError(part)
    return str(part)


def _moment(part: Any) -> datetime:
    moment = datetime.fromisoformat(part)
    if moment.tzinfo is None:
        raise ValueError(part)
    return moment.astimezone(UTC)


READ: dict[type, Callable[[Any], Any]] = {int: _number, str: _text, uuid.UUID: uuid.UUID, datetime: _moment}
