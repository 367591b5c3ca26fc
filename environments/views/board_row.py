"""What a row of the board reads out, word by word, and drawing it once for equal words."""

import uuid
from functools import lru_cache
from typing import NamedTuple

from django.template import loader


class GateWords(NamedTuple):
    text: str
    below: str = ""
    tone: str = ""
    shape: str = ""
    url: str = ""
    label: str = ""
    id: str = ""


class CellWords(NamedTuple):
    """`mark` is the fingerprint of what the cell says; `loud` the tone of its word, if it has one."""

    env: str
    first: str
    css: str
    spin: str
    shape: str
    url: str
    version: str
    commit: str
    loud: str
    word: str
    rest: str
    title: str
    done: int | None
    total: int
    gate: GateWords | None
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
    """All that a row's template reads, and nothing that is not a word: equal words are drawn once."""

    id: uuid.UUID
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


@lru_cache(maxsize=2048)
def drawn(row: RowWords) -> str:
    """The row as safe HTML. A page asks for fifty of them, nearly all as they were a moment ago."""
    return loader.get_template("board/_row.html").render({"row": row})
