"""What a row of the board reads out, word by word, and drawing it once for equal words."""

import uuid
from collections.abc import Callable
from typing import NamedTuple

from django.template import loader

MOST = 2048


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


def draw(row: RowWords) -> str:
    """The row as safe HTML."""
    return loader.get_template("board/_row.html").render({"row": row})


_kept: dict[tuple[object, ...], str] = {}


def kept(key: tuple[object, ...], make: Callable[[], str]) -> str:
    """What was drawn for equal facts a moment ago: a page asks for fifty rows, nearly all as they were."""
    html = _kept.get(key)
    if html is None:
        if len(_kept) >= MOST:
            _kept.clear()
        html = _kept[key] = make()
    return html
