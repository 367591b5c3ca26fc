"""What a row of the board reads out, word by word, and drawing it."""

from collections.abc import Iterable
from typing import NamedTuple

from django.template import loader
from django.utils.safestring import SafeString


class GateWords(NamedTuple):
    """`below` stands under a blocked one; without a `url` it is no action."""

    text: str
    below: str = ""
    blocked: bool = False
    url: str = ""
    label: str = ""
    id: str = ""


class CellWords(NamedTuple):
    """`mark` is the fingerprint of what the cell says; `loud` the tone of its word, if it has one.

    `rest` follows a loud word; a quiet `word` says it all. `back` is where the key `r` plans a rollback.
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
    rest: str
    title: str
    done: str
    total: str
    gate: GateWords | None
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


def draw(rows: Iterable[RowWords]) -> SafeString:
    """The rows as HTML, one after the other; whatever the template prints, its engine has escaped."""
    template = loader.get_template("board/_row.html", using="compiled")
    return SafeString(template.render({"rows": rows}))
