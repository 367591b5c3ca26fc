"""Secrets are taken out of all that leaves this machine: their values, and how they look when encoded."""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any
from urllib.parse import quote, quote_plus

INSTEAD = "•••"
SHORTEST = 4  # characters; hiding what is shorter would hide half of every line and protect nothing
WRAPPED = (64, 76)  # columns at which `openssl base64` and `base64` go on in the next line


class Masks:
    """The values that must not be seen, compiled once. A fresh one of none hides nothing and costs nothing."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self.values = tuple(sorted({str(value) for value in values}))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Masks) and other.values == self.values

    def __hash__(self) -> int:
        return hash(self.values)

    def __repr__(self) -> str:
        return f"Masks({len(self.values)})"

    def __bool__(self) -> bool:
        return bool(self._forms)

    @cached_property
    def longest(self) -> int:
        """Bytes of the longest form: what has to be seen together to be known."""
        return max((len(form) for forms in self._forms.values() for form in forms), default=0)

    def hide(self, line: bytes, *, hidden: int = 0) -> bytes:
        """One line (or a whole piece of it) as it may be shown; its first `hidden` bytes are not to be in any case."""
        if not self._forms:
            return line
        shown, at = [], 0
        for begin, end in self.spans(line, hidden=hidden):
            shown += [line[at:begin], INSTEAD.encode()]
            at = end
        return b"".join([*shown, line[at:]]) if shown else line

    def hide_text(self, text: str) -> str:
        """A sentence, or several lines."""
        if not self._forms:
            return text
        return self.hide(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")

    def spans(self, line: bytes, *, hidden: int = 0) -> Iterator[tuple[int, int]]:
        """What is to be hidden, in order; forms that touch or overlap are one stretch."""
        begin, end = 0, hidden
        at = 0
        while found := self._begins.search(line, at):
            at = found.start()
            length = next((len(form) for form in self._forms[found[0]] if line.startswith(form, at)), 0)
            if length and end and at <= end:
                end = max(end, at + length)
            elif length:
                if end:
                    yield begin, end
                begin, end = at, at + length
            # Within what is hidden another form may begin that goes further.
            at += 1
        if end:
            yield begin, end

    @cached_property
    def _forms(self) -> dict[bytes, list[bytes]]:
        """By their first bytes, which no form is shorter than; longest first."""
        found: dict[bytes, list[bytes]] = {}
        for form in sorted({each for value in self.values for each in forms(value)}, key=len, reverse=True):
            found.setdefault(form[:SHORTEST], []).append(form)
        return found

    @cached_property
    def _begins(self) -> re.Pattern[bytes]:
        """Every form's first bytes as one pattern, by their first byte: most places of a text are no beginning."""
        by_first: dict[bytes, list[bytes]] = {}
        for anchor in sorted(self._forms):
            by_first.setdefault(anchor[:1], []).append(re.escape(anchor[1:]))
        ways = (re.escape(first) + b"(?:" + b"|".join(rests) + b")" for first, rests in by_first.items())
        return re.compile(b"|".join(ways), re.DOTALL)


NOTHING = Masks()


def read(value: Any) -> Masks:
    """`masks` of a specification, or of our own file; one that has none is of an older control plane."""
    return Masks(str(one) for one in value) if isinstance(value, list) and value else NOTHING


def forms(value: str) -> set[bytes]:
    """A value as it is, and every way in which a program is likely to write it; of several lines also each."""
    found: set[bytes] = set()
    for one in {value, value.strip(), *(line.strip() for line in value.splitlines())}:
        if len(one) >= SHORTEST:
            found |= _encoded(one)
    return {form for form in found if len(form) >= SHORTEST}


def _encoded(value: str) -> set[bytes]:
    plain = value.encode("utf-8", "surrogatepass")
    escaped = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    escaped |= {one.replace("/", "\\/") for one in escaped}
    quoted = {one for safe in ("", "/") for one in (quote(plain, safe=safe), quote_plus(plain, safe=safe))}
    quoted |= {re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), one) for one in quoted}
    found = {plain} | {one.encode("utf-8", "surrogatepass") for one in escaped | quoted}
    for whole in _base64(plain):
        found |= {whole, whole.replace(b"+", b"-").replace(b"/", b"_")}
    # Its own lines, where it is too long for one.
    lines = base64.b64encode(plain).rstrip(b"=")
    for width in WRAPPED:
        if len(lines) > width:
            pieces = (lines[at : at + width] for at in range(0, len(lines), width))
            found |= {each for piece in pieces for each in (piece, piece.replace(b"+", b"-").replace(b"/", b"_"))}
    return found


def _base64(plain: bytes) -> Iterator[bytes]:
    """At each of the three places where it can stand in what was encoded, without letters that others had a part in."""
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + plain)
        whole = len(encoded.rstrip(b"="))
        first = (before * 8 + 5) // 6
        last = whole if (before + len(plain)) % 3 == 0 else whole - 1
        yield encoded[first:last]
        yield encoded[first:whole]  # nothing follows it
