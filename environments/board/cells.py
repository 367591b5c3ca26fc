"""From a slot's raw row to its cell: what it says, how far behind it is and what could come next."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from environments import statuses
from environments.board.facts import Cell, Column, News, Row, SlotRow
from environments.models import Phase, State
from projects.access import Actor


def rows(
    apps: Sequence[Mapping[str, Any]], columns: Sequence[Column], slots: Iterable[SlotRow], *, actor: Actor
) -> list[Row]:
    """One row for each app, with a cell for each column that is shown."""
    by_app: dict[str, list[SlotRow]] = {}
    for slot in slots:
        by_app.setdefault(slot.app_id, []).append(slot)
    keyed = [(column, str(column.environment_id)) for column in columns]
    stages: dict[int, list[str]] = {}
    for column, key in keyed:
        stages.setdefault(column.place, []).append(key)
    hidden = {} if actor.sees_all else {app["project_id"]: _hidden(actor, app["project_id"], keyed) for app in apps}
    nothing: frozenset[str] = frozenset()
    return [
        _row(app, keyed, stages, by_app.get(str(app["id"]), []), hidden.get(app["project_id"], nothing)) for app in apps
    ]


def _hidden(actor: Actor, project_id: uuid.UUID, columns: Sequence[tuple[Column, str]]) -> frozenset[str]:
    """The columns in which the actor sees other projects, but not this one."""
    return frozenset(
        key for column, key in columns if not actor.sees(project_id=project_id, environment_id=column.environment_id)
    )


def _row(
    app: Mapping[str, Any],
    columns: Sequence[tuple[Column, str]],
    stages: Mapping[int, Sequence[str]],
    slots: Sequence[SlotRow],
    hidden: frozenset[str],
) -> Row:
    cells, elsewhere = _cells(app, columns, stages, slots, hidden)
    return Row(
        app_id=app["id"],
        name=app["name"],
        project_id=app["project_id"],
        project_key=app["key"],
        project_name=app["project"],
        project_apps=app["project_apps"],
        newest_version=app["newest_version"] or "",
        cells=cells,
        elsewhere=elsewhere,
    )


def _cells(
    app: Mapping[str, Any],
    columns: Sequence[tuple[Column, str]],
    stages: Mapping[int, Sequence[str]],
    slots: Sequence[SlotRow],
    hidden: frozenset[str],
) -> tuple[list[Cell], list[Cell]]:
    known = {slot.environment_id: slot for slot in slots}
    sources = {
        place + 1: _source([key for key in keys if key not in hidden], known)
        for place, keys in stages.items()
        if place > 0
    }
    # Of what is hidden a cell says nothing, not even what could come next.
    cells = [
        Cell(column=column, status="none")
        if key in hidden
        else _cell(app, column, known.get(key), sources.get(column.place))
        for column, key in columns
        if column.shown
    ]
    return cells, [_cell(app, _aside(slot), slot, None) for slot in slots if slot.environment is not None]


def _aside(slot: SlotRow) -> Column:
    return Column(
        environment_id=uuid.UUID(slot.environment_id),
        name=slot.environment or "",
        title=slot.environment or "",
        state=slot.state or "",
        state_since=0.0,
        protected=False,
        kind="permanent",
        tags=(),
        stage="",
        place=0,
    )


def _source(keys: Sequence[str], slots: Mapping[str, SlotRow]) -> SlotRow | None:
    """What could be promoted out of a stage: the oldest release live in it, if one is live in all of it."""
    oldest = None
    for key in keys:
        slot = slots.get(key)
        if slot is None or slot.serial is None:
            return None
        if oldest is None or slot.serial < (oldest.serial or 0):
            oldest = slot
    return oldest


def _cell(app: Mapping[str, Any], column: Column, slot: SlotRow | None, source: SlotRow | None) -> Cell:
    if slot is None:
        cell = Cell(column=column, status="none")
        _offer(cell, app, 0, source)
        return cell
    news = _news(slot) if slot.phase is not None else None
    status, reason, seconds = _status(slot, news, column)
    serial = slot.serial or 0
    cell = Cell(
        column=column,
        status=status,
        reason=reason,
        seconds=seconds,
        deployment_id=slot.live_id,
        release_id=slot.release_id,
        version=slot.version or "",
        commit=slot.commit or "",
        kind=slot.kind or "",
        by=slot.by or "",
        bypassed=bool(slot.bypass),
        same=source is not None and serial == source.serial,
        hold_id=slot.hold_id,
        hold_reason=slot.hold_reason or "",
        overtaken=slot.overtaken,
        news=news,
    )
    _offer(cell, app, serial, source)
    return cell


def _offer(cell: Cell, app: Mapping[str, Any], serial: int, source: SlotRow | None) -> None:
    """How far behind the cell is, and which release could come next; nothing while a deployment is on its way."""
    column = cell.column
    if column.place == 1 and (app["newest_serial"] or 0) > serial:
        cell.behind, cell.offer = app["newest_serial"] - serial, "deploy"
        cell.offered_id, cell.offered_version = str(app["newest_id"]), app["newest_version"]
    elif source is not None and (source.serial or 0) > serial:
        cell.behind, cell.offer = (source.serial or 0) - serial, "promote"
        cell.offered_id, cell.offered_version = source.release_id, source.version or ""
    if not cell.offer:
        return
    if cell.in_flight:
        cell.offer, cell.offered_id, cell.offered_version = "", None, ""
    elif column.state != State.RUNNING:
        cell.obstacle = f"{column.title} is {State(column.state).label.lower()}"


def _news(slot: SlotRow) -> News:
    return News(
        run_id=slot.run_id or "",
        kind=slot.news_kind or "",
        phase=slot.phase or "",
        version=slot.news_version or "",
        commit=slot.news_commit or "",
        by=slot.news_by or "",
        step=slot.failed_step or "",
        done=slot.done or 0,
        total=slot.total or 0,
        cancelling=bool(slot.cancelling),
    )


def _status(slot: SlotRow, news: News | None, column: Column) -> tuple[str, str, float | None]:
    """What the cell says, why, and since when."""
    status = statuses.of_app(
        live=slot.serial is not None,
        state=column.state,
        condition=slot.condition,
        unseen=slot.unseen_since is not None,
        held=slot.hold_id is not None,
        rolled_back=slot.kind == "rollback",
        phase=news.phase if news else None,
        removing=news is not None and news.kind == "removal",
    )
    if news is not None:
        return status, "" if news.phase == Phase.RUNNING else news.step or (slot.run_reason or ""), slot.news_since
    if status == slot.condition:
        return status, slot.condition_reason, slot.condition_since
    if status == column.state:
        return status, "", column.state_since or None
    since = {"none": None, "last-seen": slot.unseen_since, "held": slot.hold_since}
    reason = slot.hold_reason or "" if status in ("held", "rolled-back") else ""
    return status, reason, since.get(status, slot.live_since)
