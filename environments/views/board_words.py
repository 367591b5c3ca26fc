"""A board's facts as a page says them: every text, tone and address of a cell is made here, none in its template."""

import hashlib
import uuid
from functools import cache, lru_cache
from typing import Any, NamedTuple

from django.template import loader
from django.urls import NoReverseMatch, reverse
from django.utils.safestring import SafeString

from environments import statuses
from environments.board import Cell, Column, Row
from environments.models import Phase
from projects.access import Actor, Permission, allows

ENDS = {
    "live": "is live",
    "failed": "failed",
    "errored": "could not be deployed",
    "rolled-back": "is live again",
    "degraded": "is degraded",
}
_ANY = uuid.UUID(int=0)
Prepared = dict[str, Any]


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
def drawn(row: RowWords) -> SafeString:
    """The row as HTML. A page asks for fifty of them, nearly all as they were a moment ago."""
    return loader.get_template("board/_row.html").render({"row": row})


@cache
def _pattern(name: str, arguments: int) -> str:
    try:
        return reverse(name, args=[_ANY] * arguments)
    except NoReverseMatch:
        return ""


def link(name: str, *ids: uuid.UUID | None) -> str:
    """A page's address by replacing, since reversing an address costs as much as drawing half a cell."""
    address = _pattern(name, len(ids))
    for value in ids:
        address = address.replace(str(_ANY), str(value), 1)
    return address


def who(label: str) -> str:
    return label.partition(":")[2] or label


class Words:
    """What one person is told: `query` keeps their choice of environment in every link."""

    def __init__(self, actor: Actor, *, query: str, now: float) -> None:
        self.actor = actor
        self.query = query
        self.now = now
        self._may: dict[tuple[uuid.UUID, uuid.UUID], bool] = {}

    def may_deploy(self, project_id: uuid.UUID, column: Column) -> bool:
        key = (project_id, column.environment_id)
        if key not in self._may:
            self._may[key] = allows(
                self.actor,
                Permission.DEPLOY,
                project_id=project_id,
                environment_id=column.environment_id,
                protected=column.protected,
            )
        return self._may[key]

    def column(self, column: Column) -> Prepared:
        look = statuses.status_of(column.state)
        return {
            "id": column.environment_id,
            "title": column.title,
            "url": link("environment", column.environment_id) + self.query,
            "src": link("board-column", column.environment_id) + self.query,
            "level": column.place,
            "first": column.place == 1,
            "protected": column.protected,
            "look": look,
            "apps": f"{column.apps} app{'' if column.apps == 1 else 's'}",
        }

    def row(self, row: Row, *, beside: bool, before: str = "") -> RowWords:
        """One app. `before` holds the marks the page knows; cells whose mark differs are `changed`."""
        cells = [self.cell(row, cell) for cell in row.cells]
        marks = [cell.mark for cell in cells] + [_mark(*(other.version for other in row.elsewhere))]
        seen = before.split("-")
        if len(seen) == len(marks):
            cells = [
                cell if cell.mark == old else cell._replace(css=cell.css + " changed")
                for cell, old in zip(cells, seen, strict=False)
            ]
        runs = "".join(f" run:{cell.news.run_id}" for cell in row.cells if cell.news and cell.in_flight)
        mark = "-".join(marks)
        return RowWords(
            id=row.app_id,
            name=row.name,
            url=link("app", row.app_id) + self.query,
            note=f"Newest {row.newest_version}" if row.newest_version else "No release yet",
            src=f"{link('board-row', row.app_id)}{self.query or '?'}&beside={int(beside)}",
            live=f"app:{row.app_id}{runs}",
            etag=f'"{mark}"',
            announce=self._latest(row),
            cells=tuple(cells),
            beside=beside,
            elsewhere=tuple(self._beside(cell) for cell in row.elsewhere),
        )

    def _latest(self, row: Row) -> str:
        """What a screen reader is told once it is new: the end of a deployment, never its progress."""
        ended = [cell for cell in row.cells if cell.seconds and cell.status in ENDS and not cell.in_flight]
        if not ended:
            return ""
        cell = max(ended, key=lambda each: each.seconds or 0.0)
        version = cell.news.version if cell.news else cell.version
        return f"{row.name} {version} {ENDS[cell.status]} in {cell.column.title}"

    def cell(self, row: Row, cell: Cell) -> CellWords:
        look = statuses.status_of(cell.status)
        version, commit, word, rest, title = self._said(cell, look)
        loud = look.tone in {"busy", "warn", "bad"}
        gate = self._gate(row, cell)
        news = cell.news
        moving = news is not None and cell.status in {"deploying", "removing"} and news.total
        return CellWords(
            env=cell.column.title,
            first=" dev" if cell.column.place <= 1 else "",
            css=(f" {look.css}" if look.tone else "") + (" same" if cell.same and not loud else ""),
            spin=" spin" if look.spins else "",
            shape=look.shape,
            url=self._target(row, cell),
            version=version,
            commit=commit,
            loud=look.css if loud else "",
            word=word,
            rest=rest,
            title=title,
            done=news.done if moving and news else None,
            total=news.total if news else 0,
            gate=gate,
            mark=_mark(cell.status, version, word, cell.reason, gate and gate.label + gate.text, news and news.done),
        )

    def _target(self, row: Row, cell: Cell) -> str:
        if cell.news is not None:
            return link("run", cell.news.run_id) + self.query
        return link("app", row.app_id) + self.query if cell.version else ""

    def _said(self, cell: Cell, look: statuses.Status) -> tuple[str, str, str, str, str]:
        """Version and commit on the first line; the word and what follows it on the second; the whole as a title."""
        age = statuses.age(self.now - cell.seconds) if cell.seconds is not None else ""
        news = cell.news
        if cell.status == "none":
            return "", "", look.word, "", ""
        if news is not None and news.phase in (Phase.QUEUED, Phase.RUNNING):
            word = "Cancelling" if news.cancelling else look.word
            if news.total and news.phase == Phase.RUNNING:
                word += f" {news.done} of {news.total}"
            serving = f"{cell.version} live" if cell.version else ""
            parts = [statuses.duration(self.now - cell.seconds) if cell.seconds is not None else "", serving]
            if news.phase == Phase.QUEUED and news.kind == "removal":
                word = "Removal queued"
            version, commit = (news.version, news.commit) if news.version else (cell.version, cell.commit)
            return version, commit[:7], word, _joined(parts), _joined([word, serving, who(news.by)])
        if news is not None:
            failed = f"{look.word} {news.version}".strip() if cell.version else look.word
            version, commit = (cell.version, cell.commit) if cell.version else (news.version, news.commit)
            said = _joined([failed, cell.reason, who(news.by)])
            return version, commit[:7], failed, _joined([cell.reason, age]), said
        word = f"{look.word}, bypassed" if cell.bypassed else look.word
        reason = cell.reason if cell.status in {"degraded", "drifted"} else ""
        rest = _joined([reason, age, "" if reason else who(cell.by)])
        return cell.version, cell.commit[:7], word, rest, _joined([word, cell.reason, age, who(cell.by)])

    def _gate(self, row: Row, cell: Cell) -> GateWords | None:
        """The space before a cell: how far behind it is, and the one action that closes the gap."""
        column = cell.column
        if not cell.behind:
            return None
        first = column.place <= 1
        count = f"{cell.behind} {'new' if first else 'behind'}"
        if not cell.offer or not self.may_deploy(row.project_id, column):
            return GateWords(text=count)
        verb = "Deploy" if first else "Promote"
        url = (
            f"{link('plan-draft')}?kind={'deploy' if first else 'promotion'}&app={row.app_id}"
            f"&environment_id={column.environment_id}&release={cell.offered_id}{self.query.replace('?', '&')}"
        )
        label = f"{verb} {row.name} {cell.offered_version} to {column.title}"
        if cell.obstacle:
            text, below, tone, shape = "Blocked", count, "is-bad", "s-octbar"
            label += f": blocked, {cell.obstacle}"
        else:
            text, below, tone, shape = (count if cell.version else verb), "", "", "i-right"
            label += f", {cell.behind} release{'' if cell.behind == 1 else 's'} {'new' if first else 'behind'}"
        return GateWords(
            id=f"g-{row.app_id.hex[:12]}-{column.environment_id.hex[:12]}",
            text=text,
            below=below,
            tone=tone,
            shape=shape,
            url=url,
            label=label,
        )

    def _beside(self, cell: Cell) -> BesideWords:
        look = statuses.status_of(cell.status)
        return BesideWords(
            url=link("environment", cell.column.environment_id) + self.query,
            name=cell.column.title,
            css=look.css,
            shape=look.shape,
            word=look.word,
            version=cell.version,
            title=f"{cell.column.title}: {look.word} {cell.version}",
        )


def _joined(parts: list[str]) -> str:
    return " · ".join(part for part in parts if part)


def _mark(*facts: Any) -> str:
    """A short fingerprint of what a cell says, ages left out: a cell that says the same has not changed."""
    return hashlib.blake2s("|".join(str(fact) for fact in facts).encode(), digest_size=6).hexdigest()
