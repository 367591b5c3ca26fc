"""References in values: `{{NAME}}`, `{{.env.NAME}}` (a variable) and `{{.secret.NAME}}`; `\\{{` is a literal `{{`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

# How deep values may refer to values that refer, how long one may become and all of them together, in bytes.
DEEPEST = 16
LONGEST = 65_536
ALL = 1_048_576

TOKEN = re.compile(r"\\\{\{|\{\{\s*(?:\.(env|secret)\.)?([A-Za-z_][A-Za-z0-9_]*)\s*\}\}|\{\{")


@dataclass(frozen=True, slots=True)
class Reference:
    """`kind` is `variable` or `secret` where only such a one is meant, else empty."""

    key: str
    kind: str = ""

    def __str__(self) -> str:
        prefix = {"variable": ".env.", "secret": ".secret."}.get(self.kind, "")
        return f"{{{{{prefix}{self.key}}}}}"


class Malformed(ValueError):
    """`{{` begins what is no reference; the message is a sentence for whoever wrote it."""


def parts(text: str) -> Iterator[str | Reference]:
    """The text in pieces, literal ones as they are meant; Malformed where `{{` begins nothing known."""
    if "{{" not in text:
        yield text
        return
    at = 0
    for found in TOKEN.finditer(text):
        yield text[at : found.start()]
        at = found.end()
        if found.group().startswith("\\"):
            yield "{{"
        elif key := found.group(2):
            yield Reference(key, {"env": "variable", "secret": "secret"}.get(found.group(1), ""))
        else:
            raise Malformed(
                "after {{ comes a name as in {{NAME}}, {{.env.NAME}} or {{.secret.NAME}}; write \\{{ for the two signs"
            )
    yield text[at:]


def names(text: str) -> list[Reference]:
    """What the text refers to, each once, in order."""
    return list(dict.fromkeys(one for one in parts(text) if isinstance(one, Reference)))
