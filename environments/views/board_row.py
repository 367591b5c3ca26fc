"""What a row of the board reads out, word by word, and drawing it."""

import re
import secrets
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from django.template import loader
from django.utils.safestring import SafeString

# Nobody can write it into a page.
_MARK = f"{secrets.token_hex(8)}-"
_PLACES = re.compile(f"<!--{_MARK}([0-9]+)-->")


class GateWords(NamedTuple):
    """`below` stands under a blocked one; without a `url` it is no action."""

    text: str
    below: str = ""
    blocked: bool = False
    url: str = ""
    label: str = ""
    id: str = ""


class AgeWords(NamedTuple):
    """Since when a cell has been as it is; `elapsed` are the seconds of what still goes on and is counted on."""

    text: str
    at: str
    exact: str
    elapsed: str = ""


class CellWords(NamedTuple):
    """`mark` is the fingerprint of what the cell says; `loud` the tone of its word, if it has one.

    Before it stand `gates`, what would close a gap; behind the word its `age` and the `rest`. `back` is where the key
    `r` plans a rollback.
    """

    env: str
    first: bool
    css: str
    spin: bool
    shape: str
    url: str
    version: str
    commit: str
    loud: str
    word: str
    age: AgeWords | None
    rest: str
    title: str
    done: str
    total: str
    gates: tuple[GateWords, ...]
    back: str
    mark: str


class BesideWords(NamedTuple):
    url: str
    name: str
    css: str
    shape: str
    word: str
    version: str
    title: str


class RowWords(NamedTuple):
    """All that a row's template reads, and nothing that is not a word: no look-up hides behind a cell."""

    id: str
    name: str
    url: str
    note: str
    src: str
    live: str
    etag: str
    announce: str
    cells: tuple[CellWords, ...]
    beside: bool
    elsewhere: tuple[BesideWords, ...]


def draw(rows: Iterable[RowWords]) -> bytes:
    """The rows as HTML, one after the other; whatever the template prints, its engine has escaped."""
    return b"".join(map(_drawn, rows))


@lru_cache(maxsize=512)
def _drawn(row: RowWords) -> bytes:
    """Once for all who are told the same: an event calls every open page back for the same rows."""
    return str(loader.get_template("board/_row.html", using="compiled").render({"row": row})).encode()


def place(number: int) -> SafeString:
    """What stands in a page where `filled` puts rows: they are most of it, and each level of templates copies all."""
    return SafeString(f"<!--{_MARK}{number}-->")


def filled(page: str, rows: Sequence[bytes]) -> bytes:
    text, *following = _PLACES.split(page)
    pairs = zip(following[::2], following[1::2], strict=True)
    return b"".join([text.encode(), *(part for n, after in pairs for part in (rows[int(n)], after.encode()))])
