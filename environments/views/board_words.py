"""A board's facts as a page says them: every text, tone and address of a cell is made here, none in its template."""

import hashlib
import uuid
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from environments import drawing, statuses
from environments.board import Cell, Column, Row
from environments.models import Phase
from environments.views.board_row import AgeWords, BesideWords, CellWords, GateWords, RowWords
from environments.views.choice import link
from projects.access import Actor, Permission, allows, allows_somewhere, who

ENDS = {
    "live": "is live",
    "failed": "failed",
    "errored": "could not be deployed",
    "rolled-back": "is live again",
    "degraded": "is degraded",
}
LOUD = {"busy", "warn", "bad"}
SAYS_HELD = {"held", "rolled-back"}
Prepared = dict[str, Any]


@dataclass(slots=True)
class _Place:
    """What every cell of one column shares; `state` is its subject, `may` by project whether one may deploy there."""

    id: str
    short: str
    state: str
    first: bool
    may: dict[uuid.UUID, bool]


class _App(NamedTuple):
    """What every cell of one row shares."""

    id: str
    short: str
    name: str
    project_id: uuid.UUID
    url: str


class Words:
    """What one person is told: `query` keeps their choice of environment in every link."""

    def __init__(self, actor: Actor, *, query: str, now: float) -> None:
        self.actor = actor
        self.query = query
        self.now = now
        self._further = query.replace("?", "&")
        self._draft = link("plan-draft")
        self._places: dict[int, _Place] = {}

    def _place(self, column: Column) -> _Place:
        known = self._places.get(id(column))
        if known is None:
            environment, first = column.environment_id, column.place <= 1
            ident = str(environment)
            known = _Place(ident, environment.hex[:12], f" state:{ident}", first, {})
            self._places[id(column)] = known
        return known

    def _may_deploy(self, project_id: uuid.UUID, column: Column, place: _Place) -> bool:
        may = place.may.get(project_id)
        if may is None:
            may = place.may[project_id] = allows(
                self.actor,
                Permission.DEPLOY,
                project_id=project_id,
                environment_id=column.environment_id,
                protected=column.protected,
            )
        return may

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
        known, short = str(row.app_id), row.app_id.hex[:12]
        app = _App(known, short, row.name, row.project_id, link("app", known) + self.query)
        cells = [self.cell(app, cell) for cell in row.cells]
        note = f"Newest {row.newest_version}" if row.newest_version else "No release yet"
        elsewhere = tuple([self._beside(cell) for cell in row.elsewhere])
        # What stands around the cells has a mark, too: a row that is named anew has changed.
        marks = [*(cell.mark for cell in cells), _mark("|".join([row.name, note, *(one.title for one in elsewhere)]))]
        seen = before.split("-") if before else []
        if len(seen) == len(marks):
            cells = [
                cell if cell.mark == old else cell._replace(css=cell.css + " changed")
                for cell, old in zip(cells, seen, strict=False)
            ]
        runs = "".join([f" run:{cell.news.run_id}" for cell in row.cells if cell.news and cell.in_flight])
        states = "".join([self._place(cell.column).state for cell in row.cells if cell.behind or cell.status != "none"])
        states += "".join([self._place(cell.column).state for cell in row.elsewhere])
        return RowWords(
            id=known,
            name=row.name,
            url=app.url,
            note=note,
            src=f"{link('board-row', known)}{self.query or '?'}&beside={int(beside)}",
            live=f"app:{known}{runs}{states}",
            etag=f'"{"-".join(marks)}"',
            announce=self._latest(row),
            cells=tuple(cells),
            beside=beside,
            elsewhere=elsewhere,
        )

    def _latest(self, row: Row) -> str:
        """What a screen reader is told once it is new: the end of a deployment, never its progress."""
        latest = None
        for cell in row.cells:
            if cell.seconds and cell.status in ENDS and (latest is None or cell.seconds > (latest.seconds or 0.0)):
                latest = cell
        if latest is None:
            return ""
        version = latest.news.version if latest.news else latest.version
        return f"{row.name} {version} {ENDS[latest.status]} in {latest.column.title}"

    def cell(self, app: _App, cell: Cell) -> CellWords:
        place = self._place(cell.column)
        look = statuses.status_of(cell.status)
        version, commit, word, age, rest, title = self._said(cell, look)
        loud = look.tone in LOUD
        gates = self._gates(app, cell, place)
        news = cell.news
        progress = f"{news.done}{news.kind}" if news else ""
        offers = "|".join([gate.label + gate.text for gate in gates])
        reason = statuses.brief(cell.reason) if cell.reason else ""
        return CellWords(
            env=cell.column.title,
            first=place.first,
            css=(f" is-{look.tone}" if look.tone else "") + (" same" if cell.same and not loud else ""),
            spin=look.spins,
            shape=look.shape,
            url=link("run", news.run_id) + self.query if news else app.url,
            version=version,
            commit=commit,
            loud=f"is-{look.tone}" if loud else "",
            word=word,
            age=age,
            rest=rest,
            title=title,
            done=str(news.done) if news and news.total and cell.status in {"deploying", "removing"} else "",
            total=str(news.total) if news else "",
            gates=gates,
            back=self._back(app, cell, place),
            mark=_mark(f"{place.short}|{cell.status}|{version}|{word}|{reason}|{offers}|{progress}|{cell.overtaken}"),
        )

    def _back(self, app: _App, cell: Cell, place: _Place) -> str:
        """The environment of a rollback's plan, which says whether there is something to go back to."""
        if cell.release_id is None or cell.in_flight or not self._may_deploy(app.project_id, cell.column, place):
            return ""
        return place.id

    def rollback(self) -> str:
        """How such a plan's address begins; a cell's row and `back` complete it."""
        may = allows_somewhere(self.actor, Permission.DEPLOY)
        return f"{self._draft}?kind=rollback{self._further}" if may else ""

    def _said(self, cell: Cell, look: statuses.Status) -> tuple[str, str, str, AgeWords | None, str, str]:
        """Version and commit on the first line; the word, its age and the rest on the second; the whole as a title."""
        news, since = cell.news, cell.seconds
        # A hold is told behind every status but those that say it themselves.
        held, hold = _held(cell) if cell.hold_id and cell.status not in SAYS_HELD else ("", "")
        if cell.status == "none":
            return "", "", look.word + held, None, "", ""
        if news is not None and news.phase in (Phase.QUEUED, Phase.RUNNING):
            word = "Cancelling" if news.cancelling else look.word
            if news.total and news.phase == Phase.RUNNING:
                word += f" {news.done} of {news.total}"
            serving = f"{cell.version} live" if cell.version else ""
            if news.phase == Phase.QUEUED and news.kind == "removal":
                word = "Removal queued"
            version, commit = (news.version, news.commit) if news.version else (cell.version, cell.commit)
            return (
                version,
                commit[:7],
                word + held,
                self._age(since, goes_on=True),
                serving,
                _joined([word, serving, who(news.by), hold]),
            )
        age = self._age(since)
        # What a service wrote last stands in the title alone.
        reason = statuses.brief(cell.reason).removesuffix(".") if cell.reason else ""
        if news is not None:
            failed = f"{look.word} {news.version}".strip() if cell.version else look.word
            version, commit = (cell.version, cell.commit) if cell.version else (news.version, news.commit)
            return version, commit[:7], failed + held, age, reason, _joined([failed, cell.reason, who(news.by), hold])
        word = f"{look.word}, bypassed" if cell.bypassed else look.word
        by = who(cell.by)
        rest = reason if cell.status in {"degraded", "drifted"} else by
        if cell.overtaken:
            rest = _joined([not_running(cell.overtaken), rest])
        title = _joined([word, cell.reason, by, hold]) if cell.reason or hold else ""
        return cell.version, cell.commit[:7], word + held, age, rest, title

    def _age(self, since: float | None, *, goes_on: bool = False) -> AgeWords | None:
        if since is None:
            return None
        seconds = self.now - since
        if goes_on:
            return AgeWords(statuses.duration(seconds), *drawing.stamp(int(since)), f"{max(0.0, seconds):.1f}")
        return AgeWords(statuses.age(seconds), *drawing.stamp(int(since)))

    def _gates(self, app: _App, cell: Cell, place: _Place) -> tuple[GateWords, ...]:
        ahead = self._gate(app, cell, place) if cell.behind else None
        again = self._again(app, cell, place) if cell.overtaken else None
        return tuple([gate for gate in (ahead, again) if gate])

    def _gate(self, app: _App, cell: Cell, place: _Place) -> GateWords:
        """The space before a cell: how far behind it is, and the one action that closes the gap."""
        column = cell.column
        away = "new" if place.first else "behind"
        count = f"{cell.behind} {away}"
        if not cell.offer or not self._may_deploy(app.project_id, column, place):
            return GateWords(text=count)
        verb, kind = ("Deploy", "deploy") if place.first else ("Promote", "promotion")
        url = (
            f"{self._draft}?kind={kind}&app={app.id}&environment_id={place.id}&release={cell.offered_id}{self._further}"
        )
        label = f"{verb} {app.name} {cell.offered_version} to {column.title}"
        name = f"g-{app.short}-{place.short}"
        if cell.obstacle:
            said = f"{label}: blocked, {cell.obstacle}"
            return GateWords("Blocked", below=count, blocked=True, url=url, label=said, id=name)
        said = f"{label}, {cell.behind} release{'' if cell.behind == 1 else 's'} {away}"
        return GateWords(count if cell.version else verb, url=url, label=said, id=name)

    def _again(self, app: _App, cell: Cell, place: _Place) -> GateWords | None:
        """The same release with the values of now, where it runs with others."""
        if cell.in_flight or not self._may_deploy(app.project_id, cell.column, place):
            return None
        url = f"{self._draft}?kind=redeploy&app={app.id}&environment_id={place.id}{self._further}"
        label = f"Deploy {app.name} {cell.version} to {cell.column.title} again, {not_running(cell.overtaken)}"
        return GateWords("Redeploy", url=url, label=label, id=f"again-{app.short}-{place.short}")

    def _beside(self, cell: Cell) -> BesideWords:
        look = statuses.status_of(cell.status)
        word = f"{look.word}, held" if cell.hold_id and cell.status not in SAYS_HELD else look.word
        return BesideWords(
            url=link("environment", cell.column.environment_id) + self.query,
            name=cell.column.title,
            css=look.css,
            shape=look.shape,
            word=word,
            version=cell.version,
            title=f"{cell.column.title}: {word} {cell.version}",
        )


def not_running(changes: int) -> str:
    return f"{changes} change{'' if changes == 1 else 's'} not running"


def _held(cell: Cell) -> tuple[str, str]:
    """What stands behind the word, and what stands in the title."""
    return ", held", f"Held: {cell.hold_reason}" if cell.hold_reason else "Held"


def _joined(parts: list[str]) -> str:
    return " · ".join([part for part in parts if part])


@lru_cache(maxsize=16_384)
def _mark(said: str) -> str:
    """A short fingerprint of what a cell says, ages left out: a cell that says the same has not changed."""
    return hashlib.blake2s(said.encode(), digest_size=6).hexdigest()
