"""Variables as lines of text, NAME=value, without losing anything of a value."""

import json
import re
from collections.abc import Mapping


class Unreadable(ValueError):
    """A line is no variable; the message says which and why."""


def written(variables: Mapping[str, str]) -> str:
    return "\n".join(f"{name}={_value(value)}" for name, value in variables.items())


def read(text: str) -> dict[str, str]:
    """Only a line feed ends a line: the other separators that Python knows may stand in a value."""
    variables: dict[str, str] = {}
    for n, line in enumerate(text.split("\n"), start=1):
        line = line.removesuffix("\r")
        if not line.strip():
            continue
        name, equals, value = line.partition("=")
        name = name.strip()
        if not equals:
            raise Unreadable(f"Line {n} has no “=”; write NAME=value.")
        if name in variables:
            raise Unreadable(f"Line {n} names {name} a second time; keep one of the two.")
        variables[name] = _meant(value, n)
    return variables


def _value(value: str) -> str:
    """As it is, where a page shows it and a browser sends it back unchanged; else as a JSON string."""
    if value.isprintable() and value == value.strip() and not value.startswith('"'):
        return value
    visible = re.sub(r"[\n\r\t]", "", value).isprintable()
    return json.dumps(value, ensure_ascii=not visible)


def _meant(value: str, n: int) -> str:
    if not value.startswith('"'):
        return value
    try:
        return str(json.loads(value))
    except ValueError:
        raise Unreadable(
            f"Line {n} begins its value with a quotation mark and is no JSON string; "
            'write NAME="text", with \\" for a quotation mark in it and \\n for a line break.'
        ) from None
