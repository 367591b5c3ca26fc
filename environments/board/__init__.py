"""The board: which release is where, how far apart the stages are, in a constant number of statements."""

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db import connection

from environments import statuses
from environments.board import cells, statements
from environments.board.facts import PAGE, STATUSES, Board, Cell, Column, Filters, News, Row, SlotRow
from projects import marks, scopes
from projects.access import Actor
from projects.errors import Invalid

__all__ = ["PAGE", "STATUSES", "Board", "Cell", "Column", "Filters", "News", "Row", "board"]


def board(actor: Actor, filters: Filters) -> Board:
    """Three statements, whatever the size: the columns, the page of apps with the counts, and their cells."""
    if filters.status and filters.status not in STATUSES:
        raise Invalid.field("status", f"must be one of {', '.join(STATUSES)}.")
    chain_id, columns = _columns(actor, filters)
    apps, counts, which, live = _apps(actor, filters, columns)
    page, more = apps[: filters.limit], len(apps) > filters.limit
    slots = _slots(page, columns, actor)
    return Board(
        chain_id=chain_id,
        columns=[_counted(column, live) for column in columns if column.shown],
        rows=cells.rows(page, columns, slots, actor=actor),
        counts=counts,
        which=which,
        next_cursor=_cursor(page[-1]) if page and more else "",
    )


def _counted(column: Column, live: Mapping[str, int]) -> Column:
    return replace(column, apps=live.get(str(column.environment_id), 0))


def _columns(actor: Actor, filters: Filters) -> tuple[uuid.UUID | None, list[Column]]:
    """The chain that applies, in order, and behind it the environment asked for where it stands outside."""
    rows = _fetch(
        statements.COLUMNS,
        organization=actor.organization.id,
        project=filters.project_id,
        environment=filters.environment_id,
    )
    columns: list[Column] = []
    places: dict[uuid.UUID, int] = {}
    for row in rows:
        if row["stage_id"]:
            places.setdefault(row["stage_id"], len(places) + 1)
        if not actor.sees(environment_id=row["id"]):
            continue
        asked = filters.environment_id in (None, row["id"]) and (not filters.tag or filters.tag in row["tags"])
        columns.append(
            Column(
                environment_id=row["id"],
                name=row["name"],
                title=row["display_name"] or row["name"],
                state=row["state"],
                state_since=row["state_since"],
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
) -> tuple[list[dict[str, Any]], dict[str, int], str, dict[str, int]]:
    after = _after(filters.cursor)
    rows = _fetch(
        statements.APPS.format_map(_seen(actor) | {"of_status": statements.OF_STATUS}),
        **scopes.values(actor),
        organization=actor.organization.id,
        environments=[column.environment_id for column in columns],
        places=[column.place for column in columns],
        shown=[column.shown for column in columns],
        serving=[column.state in statuses.SERVING for column in columns],
        project=filters.project_id,
        app=filters.app_id,
        q=_pattern(filters.q),
        status=filters.status,
        paging=bool(filters.cursor),
        **after,
        limit=filters.limit + 1,
    )
    counts = {name: rows[0][f"count_{name}"] for name in ("all", *STATUSES)}
    which = f"{int(rows[0]['which'] or 0) % 2**64:x}"
    return [row for row in rows if row["id"]], counts, which, json.loads(rows[0]["live_in"] or "{}")


def _seen(actor: Actor) -> dict[str, str]:
    """The conditions that keep to what of an app the actor sees in an environment, by their places in the statement."""
    places = {
        "seen_slot": ("a.project_id", "s.environment_id"),
        "seen_cell": ("app.project_id", "s.environment_id"),
        "seen_place": ("p.project_id", "place.environment_id"),
    }
    return {
        "seen_app": scopes.within_clause(actor, project="a.project_id"),
        **{
            name: scopes.clause(actor, project=project, environment=environment)
            for name, (project, environment) in places.items()
        },
    }


def _slots(apps: Sequence[Mapping[str, Any]], columns: Sequence[Column], actor: Actor) -> list[SlotRow]:
    values = {"apps": [app["id"] for app in apps], "environments": [column.environment_id for column in columns]}
    with connection.cursor() as cursor:
        cursor.execute(statements.SLOTS, values)
        rows = [SlotRow._make(row) for row in cursor.fetchall()]
    if actor.sees_all:
        return rows
    whose = {str(app["id"]): app["project_id"] for app in apps}
    return [
        row for row in rows if actor.sees(project_id=whose[row.app_id], environment_id=uuid.UUID(row.environment_id))
    ]


def _pattern(text: str) -> str | None:
    text = text.strip().replace("\x00", "")
    if not text:
        return None
    return "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


def _cursor(app: Mapping[str, Any]) -> str:
    return marks.write(app["project_sort"], app["project_id"], app["app_sort"], app["id"])


def _after(cursor: str) -> dict[str, Any]:
    names = ("after_project", "after_project_id", "after_app", "after_app_id")
    if not cursor:
        return dict.fromkeys(names)
    return dict(zip(names, marks.read(cursor, str, uuid.UUID, str, uuid.UUID), strict=True))


def _fetch(statement: str, **values: Any) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        names: Iterable[str] = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
