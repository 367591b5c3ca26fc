"""The board: which release is where, how far apart the stages are, in a constant number of statements."""

import base64
import binascii
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from environments import board_statements as statements
from environments.models import Phase, State
from projects.access import Actor
from projects.errors import Invalid

PAGE = 50
STATUSES = ("failed", "deploying", "degraded", "behind", "held", "live")
UNSEEN_AFTER = timedelta(seconds=60)
_QUIET = {State.STOPPED, State.SLEEPING, State.HIBERNATING}


@dataclass(frozen=True, kw_only=True)
class Filters:
    """What a page or a caller wants to see; ids are resolved and visible already."""

    environment_id: uuid.UUID | None = None
    project_id: uuid.UUID | None = None
    tag: str = ""
    status: str = ""
    q: str = ""
    cursor: str = ""
    app_id: uuid.UUID | None = None
    limit: int = PAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One environment. `place` counts stages from 1, 0 outside the chain; `shown` is false where filters hide it."""

    environment_id: uuid.UUID
    name: str
    title: str
    state: str
    protected: bool
    kind: str
    tags: tuple[str, ...]
    stage: str
    place: int
    shown: bool = True
    apps: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """The latest deployment of a slot, where it is in flight or did not succeed."""

    run_id: uuid.UUID
    kind: str
    phase: str
    version: str
    commit: str
    by: str
    since: datetime
    step: str
    done: int
    total: int
    cancelling: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One app in one environment. `behind` counts releases cut after the live one up to the previous stage's.

    `offer` names what could come next: "promote" from the previous stage, "deploy" into the first, or nothing.
    """

    column: Column
    status: str
    deployment_id: uuid.UUID | None = None
    release_id: uuid.UUID | None = None
    version: str = ""
    commit: str = ""
    kind: str = ""
    by: str = ""
    since: datetime | None = None
    bypassed: bool = False
    same: bool = False
    reason: str = ""
    hold_id: uuid.UUID | None = None
    hold_reason: str = ""
    news: News | None = None
    behind: int = 0
    offer: str = ""
    offered_id: uuid.UUID | None = None
    offered_version: str = ""
    obstacle: str = ""
    services: tuple[Mapping[str, Any], ...] = ()

    @property
    def in_flight(self) -> bool:
        return self.news is not None and self.news.phase in (Phase.QUEUED, Phase.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    app_id: uuid.UUID
    name: str
    project_id: uuid.UUID
    project_key: str
    project_name: str
    project_apps: int
    cells: Sequence[Cell]
    elsewhere: Sequence[Cell] = ()


@dataclass(frozen=True, kw_only=True)
class Board:
    """`counts` are apps by status, `all` among them, under every filter but the status itself."""

    chain_id: uuid.UUID | None
    columns: Sequence[Column]
    rows: Sequence[Row] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    next_cursor: str = ""


def board(actor: Actor, filters: Filters, *, now: datetime | None = None) -> Board:
    """Three statements, whatever the size: the columns, the page of apps with the counts, and their cells."""
    if filters.status and filters.status not in STATUSES:
        raise Invalid.field("status", f"must be one of {', '.join(STATUSES)}.")
    chain_id, columns = _columns(actor, filters)
    apps, counts, live = _apps(actor, filters, columns)
    page, more = apps[: filters.limit], len(apps) > filters.limit
    slots = _slots([app["id"] for app in page], columns, actor)
    moment = now or timezone.now()
    return Board(
        chain_id=chain_id,
        columns=[_counted(column, live) for column in columns if column.shown],
        rows=[_row(app, columns, slots, now=moment) for app in page],
        counts=counts,
        next_cursor=_cursor(page[-1]) if more else "",
    )


def _counted(column: Column, live: Mapping[str, int]) -> Column:
    values = {name: getattr(column, name) for name in Column.__dataclass_fields__}
    return Column(**values | {"apps": live.get(str(column.environment_id), 0)})


def _columns(actor: Actor, filters: Filters) -> tuple[uuid.UUID | None, list[Column]]:
    """The chain that applies, in order, and behind it the environment asked for where it stands outside."""
    rows = _fetch(
        statements.COLUMNS,
        organization=actor.organization.id,
        project=filters.project_id,
        environment=filters.environment_id,
    )
    columns, places = [], {}
    for row in rows:
        if not actor.sees(environment_id=row["id"]):
            continue
        if row["stage_id"]:
            places.setdefault(row["stage_id"], len(places) + 1)
        asked = filters.environment_id in (None, row["id"]) and (not filters.tag or filters.tag in row["tags"])
        columns.append(
            Column(
                environment_id=row["id"],
                name=row["name"],
                title=row["display_name"] or row["name"],
                state=row["state"],
                protected=row["protected"],
                kind=row["kind"],
                tags=tuple(row["tags"]),
                stage=row["stage"] or "",
                place=places.get(row["stage_id"], 0),
                shown=asked,
            )
        )
    return next((row["chain_id"] for row in rows if row["chain_id"]), None), columns


def _apps(
    actor: Actor, filters: Filters, columns: Sequence[Column]
) -> tuple[list[dict[str, Any]], dict[str, int], dict[str, int]]:
    after = _after(filters.cursor)
    visible = actor.visible_projects
    rows = _fetch(
        statements.APPS,
        organization=actor.organization.id,
        environments=[column.environment_id for column in columns],
        places=[column.place for column in columns],
        shown=[column.shown for column in columns],
        project=filters.project_id,
        app=filters.app_id,
        visible=None if visible is None else list(visible),
        q=_pattern(filters.q),
        status=filters.status,
        after=after is not None,
        **dict(
            zip(("after_project", "after_project_id", "after_app", "after_app_id"), after or (None,) * 4, strict=True)
        ),
        limit=filters.limit + 1,
    )
    counts = {name: rows[0][f"count_{name}"] for name in ("all", *STATUSES)}
    return [row for row in rows if row["id"]], counts, rows[0]["live_in"] or {}


def _slots(
    apps: list[uuid.UUID], columns: Sequence[Column], actor: Actor
) -> dict[uuid.UUID, dict[uuid.UUID, dict[str, Any]]]:
    found: dict[uuid.UUID, dict[uuid.UUID, dict[str, Any]]] = {app: {} for app in apps}
    rows = _fetch(statements.SLOTS, apps=apps, environments=[column.environment_id for column in columns])
    for row in rows:
        if actor.sees(environment_id=row["environment_id"]):
            found[row["app_id"]][row["environment_id"]] = row
    return found


def _row(
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
        services=tuple(slot["services"] or ()),
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
    if column.state in _QUIET:
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


def _pattern(text: str) -> str | None:
    text = text.strip().replace("\x00", "")
    if not text:
        return None
    return "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


def _cursor(app: Mapping[str, Any]) -> str:
    key = [app["project_sort"], str(app["project_id"]), app["app_sort"], str(app["id"])]
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def _after(cursor: str) -> tuple[str, str, str, str] | None:
    if not cursor:
        return None
    try:
        project, project_id, app, app_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return str(project), str(uuid.UUID(project_id)), str(app), str(uuid.UUID(app_id))
    except (binascii.Error, ValueError, TypeError, AttributeError) as error:
        raise Invalid.field("cursor", "is not one this list gave out.") from error


def _fetch(statement: str, **values: Any) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        names: Iterable[str] = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
