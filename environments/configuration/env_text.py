"""Values as the text of a `.env` file, and back, without losing anything of a value."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from io import StringIO

from dotenv.parser import Binding, parse_stream

from projects.errors import Invalid

# In characters; what one request may carry is bounded at the front door.
LONGEST = 500_000
MOST_TOLD = 20

_BARE = re.compile(r"[A-Za-z0-9_./:@%+,=-]*")
_LINE_END = re.compile(r"\r\n|\n|\r")
_ESCAPES = {
    "\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t",
    "\a": "\\a", "\b": "\\b", "\f": "\\f", "\v": "\\v",
}  # fmt: skip
_TO_ESCAPE = re.compile("|".join(map(re.escape, _ESCAPES)))


@dataclass(frozen=True, slots=True)
class Line:
    """`number` counts from 1. Whether the value is a secret's is not known here, so no repr shows it."""

    key: str
    value: str = field(repr=False)
    number: int


def read(text: str) -> list[Line]:
    """Its assignments in order, values as they are written (`$NAME` stays); Invalid names each line that is none."""
    if len(text) > LONGEST:
        raise Invalid.field("text", f"is at most {LONGEST:,} characters.")
    found: dict[str, Line] = {}
    wrong: list[tuple[int, str]] = []
    for binding in parse_stream(StringIO(text.replace("\r\n", "\n"))):
        number = _number(binding)
        if binding.error:
            wrong.append((number, "is no assignment; write NAME=value, and close a quotation mark that you open"))
        elif binding.key is None:
            continue
        elif binding.value is None:
            wrong.append((number, "has no “=”; write NAME=value"))
        elif (earlier := found.get(binding.key)) is not None:
            wrong.append((number, f"names {binding.key} again, as line {earlier.number} does; keep one of the two"))
        else:
            found[binding.key] = Line(binding.key, binding.value, number)
    if wrong:
        raise refusal(wrong)
    return list(found.values())


def refusal(wrong: Iterable[tuple[int, str]]) -> Invalid:
    """One refusal for every line that is wrong, in their order."""
    told = sorted(wrong)
    errors = [
        {"field": "text", "line": number, "message": f"Line {number} {sentence.rstrip('.')}."}
        for number, sentence in told[:MOST_TOLD]
    ]
    if (more := len(told) - MOST_TOLD) > 0:
        errors.append({"field": "text", "message": f"And {more} more lines."})
    return Invalid(str(errors[0]["message"]), errors=errors)


def written(key: str, value: str) -> str:
    """One assignment as shells and other readers of such files take it, too, wherever they agree."""
    return f"{key}={_quoted(value)}"


def _quoted(value: str) -> str:
    if _BARE.fullmatch(value):
        return value
    if value.isprintable() and "'" not in value and "\\" not in value:
        return f"'{value}'"
    return '"' + _TO_ESCAPE.sub(lambda found: _ESCAPES[found.group()], value) + '"'


def _number(binding: Binding) -> int:
    """The line that it begins in: the parser counts from the empty lines before it."""
    written = binding.original.string
    before = written[: len(written) - len(written.lstrip())]
    return binding.original.line + len(_LINE_END.findall(before))
