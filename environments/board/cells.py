"""From a slot's raw row to its cell: what it says, how far behind it is and what could come next."""

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from environments.board.facts import Cell, Column, News, Row
from environments.models import Phase, State

UNSEEN_AFTER = timedelta(seconds=60)
QUIET = {State.STOPPED, State.SLEEPING, State.HIBERNATING}


def row(
    app: Mapping[str, Any],
    columns: Sequence[Column],
    slots: Mapping[uuid.UUID, Mapping[uuid.UUID, Mapping[str, Any]]],
    *,
    now: datetime,
) -> Row:
    mine = slots[app["id"]]
    stages: dict[int, list[Mapping[str, Any] | None]] = {}
    for column in columns:
        stages.setdefault(column.place, []).append(mine.get(column.environment_id))
    cells = []
    for column in columns:
        if column.shown:
            source = _source(stages.get(column.place - 1)) if column.place > 1 else None
            cells.append(_cell(app, column, mine.get(column.environment_id), source, now=now))
    known = {column.environment_id for column in columns}
    elsewhere = [_cell(app, _aside(slot), slot, None, now=now) for place, slot in mine.items() if place not in known]
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


def _aside(slot: Mapping[str, Any]) -> Column:
    return Column(
        environment_id=slot["environment_id"],
        name=slot["environment"],
        title=slot["environment"],
        state=slot["state"],
        protected=slot["protected"],
        kind="permanent",
        tags=(),
        stage="",
        place=0,
    )


def _source(stage: Sequence[Mapping[str, Any] | None] | None) -> Mapping[str, Any] | None:
    """What could be promoted out of a stage: the oldest release live in it, if one is live in all of it."""
    live = [slot for slot in stage or () if slot is not None and slot["live_serial"] is not None]
    if not stage or len(live) < len(stage):
        return None
    return min(live, key=lambda slot: slot["live_serial"])


def _cell(
    app: Mapping[str, Any],
    column: Column,
    slot: Mapping[str, Any] | None,
    source: Mapping[str, Any] | None,
    *,
    now: datetime,
) -> Cell:
    serial = slot["live_serial"] if slot else None
    news = _news(slot) if slot else None
    behind, offer, offered_id, offered_version = 0, "", None, ""
    if column.place == 1 and app["newest_id"] and (serial is None or app["newest_serial"] > serial):
        offer, offered_id, offered_version = "deploy", app["newest_id"], app["newest_version"]
        behind = app["newest_serial"] - (serial or 0)
    elif source is not None and (serial is None or source["live_serial"] > serial):
        offer, offered_id, offered_version = "promote", source["release_id"], source["version"]
        behind = source["live_serial"] - (serial or 0)
    if offer and news is not None and news.phase in (Phase.QUEUED, Phase.RUNNING):
        offer = ""
    obstacle = "" if column.state == State.RUNNING else f"{column.title} is {State(column.state).label.lower()}"
    common = {
        "column": column,
        "news": news,
        "behind": behind,
        "offer": offer,
        "offered_id": offered_id,
        "offered_version": offered_version,
        "obstacle": obstacle if offer else "",
    }
    if slot is None:
        return Cell(status="none", **common)
    status, reason, since = _status(slot, news, column, now=now)
    return Cell(
        **common,
        status=status,
        deployment_id=slot["live_id"],
        release_id=slot["release_id"],
        version=slot["version"] or "",
        commit=slot["commit"] or "",
        kind=slot["kind"] or "",
        by=slot["by"] or "",
        since=since,
        bypassed=bool(slot["bypass"]),
        same=source is not None and serial == source["live_serial"],
        reason=reason,
        hold_id=slot["hold_id"],
        hold_reason=slot["hold_reason"] or "",
        services=tuple(json.loads(slot["services"] or "[]")),
    )


def _news(slot: Mapping[str, Any]) -> News | None:
    if slot["phase"] in (None, Phase.SUCCEEDED, Phase.CANCELLED):
        return None
    return News(
        run_id=slot["run_id"],
        kind=slot["news_kind"],
        phase=slot["phase"],
        version=slot["news_version"] or "",
        commit=slot["news_commit"] or "",
        by=slot["news_by"],
        since=slot["finished_at"] or slot["started_at"] or slot["queued_at"],
        step=slot["failed_step"] or "",
        done=slot["done"] or 0,
        total=slot["total"] or 0,
        cancelling=slot["cancel_asked_at"] is not None,
    )


def _status(
    slot: Mapping[str, Any], news: News | None, column: Column, *, now: datetime
) -> tuple[str, str, datetime | None]:
    """What the cell says, why, and since when: what moves comes first, then what is wrong, then what is kept."""
    if news is not None:
        if news.phase == Phase.RUNNING:
            return ("removing" if news.kind == "removal" else "deploying"), "", news.since
        return news.phase, news.step or slot["run_reason"], news.since
    if slot["live_serial"] is None:
        return "none", "", None
    if column.state in QUIET:
        return column.state, "", slot["state_changed_at"]
    if slot["condition"] != "ok":
        return slot["condition"], slot["condition_reason"], slot["condition_since"]
    if slot["observed_at"] is not None and now - slot["observed_at"] > UNSEEN_AFTER:
        return "last-seen", "", slot["observed_at"]
    if slot["hold_id"] is not None:
        rolled = slot["kind"] == "rollback"
        return (
            ("rolled-back" if rolled else "held"),
            slot["hold_reason"],
            (slot["live_since"] if rolled else slot["hold_since"]),
        )
    return "live", "", slot["live_since"]
