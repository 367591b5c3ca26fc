"""What may be said of a project, a team or an agent: texts and JSON objects that the database can keep."""

import json
from collections.abc import Iterable
from typing import Any

from projects import env_names
from projects.errors import Invalid

LONGEST_TEXT = 20_000
LARGEST_OBJECT = 16 * 1024
MOST_NAMES = 200


def name(value: str) -> str:
    value = " ".join(text("name", value).split())
    if not 1 <= len(value) <= 100:
        raise Invalid.field("name", "give a name of 1 to 100 characters")
    return value


def text(field: str, value: str | None, *, longest: int = LONGEST_TEXT) -> str:
    """`None` clears it."""
    value = value or ""
    if len(value) > longest:
        raise Invalid.field(field, f"use at most {longest} characters")
    if not _sound(value):
        raise Invalid.field(field, "holds a character that cannot be kept")
    return value


def json_object(field: str, value: Any) -> dict[str, Any]:
    """A JSON object of at most 16 kB; `None` clears it."""
    value = {} if value is None else value
    if not isinstance(value, dict):
        raise Invalid.field(field, "give a JSON object")
    try:
        written = json.dumps(value, allow_nan=False, ensure_ascii=False)
        size = len(written.encode())
    except (TypeError, ValueError, RecursionError):
        raise Invalid.field(field, "give a JSON object of sound texts, without NaN or Infinity") from None
    if size > LARGEST_OBJECT:
        raise Invalid.field(field, "is larger than 16 kB")
    if "\\u0000" in written or "\0" in written:
        raise Invalid.field(field, "holds a NUL character, which cannot be kept")
    return value


def words(field: str, value: Iterable[str] | None, *, longest: int = 100) -> list[str]:
    """A list of short texts, each once; `None` clears it."""
    found = list(dict.fromkeys(value or ()))
    if len(found) > MOST_NAMES:
        raise Invalid.field(field, f"give at most {MOST_NAMES}")
    for one in found:
        if not isinstance(one, str) or not one.strip() or len(one) > longest or not _sound(one):
            raise Invalid.field(field, f"give texts of 1 to {longest} characters")
    return found


def keys(field: str, value: Iterable[str] | None) -> list[str]:
    """Names of variables or secrets, each once; `None` clears it."""
    found = words(field, value, longest=128)
    for one in found:
        if sentence := env_names.problem(one):
            raise Invalid.field(field, f"{one}: {sentence}")
    return found


def none_yet(field: str, value: Any, *, what: str) -> None:
    if value:
        raise Invalid.field(field, f"there are no {what} yet; leave this list empty")


def _sound(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in value
