"""REST: the board, what runs where and how far apart the stages are."""

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router

from environments import board as boards
from environments import lifecycle
from environments.api.schemas.board import BoardOut, ColumnOut, Filters
from environments.board import Cell, Column, Row
from projects import lifecycle as projects
from projects.rest import paging as pages
from projects.rest.bodies import actor

router = Router(tags=["delivery"])


@router.get("/board", response=BoardOut)
def get_board(request: HttpRequest, filters: Query[Filters]) -> dict[str, Any]:
    """Paged by app. Columns are the organization's default chain, or with `project` that project's."""
    by = actor(request)
    environment = lifecycle.find(by, filters.environment) if filters.environment else None
    project = projects.find(by, filters.project) if filters.project else None
    board = boards.board(
        by,
        boards.Filters(
            environment_id=environment.id if environment else None,
            project_id=project.id if project else None,
            **filters.model_dump(include={"tag", "status", "q", "limit", "cursor"}),
        ),
    )
    if board.next_cursor:
        pages.link(request, board.next_cursor)
    return {
        "chain_id": board.chain_id,
        "columns": [_column(column) for column in board.columns],
        "rows": [_row(row) for row in board.rows],
        "counts": board.counts,
    }


def _column(column: Column) -> dict[str, Any]:
    return {name: getattr(column, name) for name in ColumnOut.model_fields}


def _row(row: Row) -> dict[str, Any]:
    app = {"id": row.app_id, "name": row.name, "project_id": row.project_id, "project_key": row.project_key}
    return {"app": app, "cells": [_cell(cell) for cell in row.cells]}


def _cell(cell: Cell) -> dict[str, Any]:
    live = cell.release_id is not None
    release = {"id": cell.release_id, "version": cell.version, "commit": cell.commit}
    gate = {
        "kind": cell.offer,
        "release_id": cell.offered_id,
        "version": cell.offered_version,
        "obstacle": cell.obstacle,
    }
    return {
        "environment_id": cell.column.environment_id,
        "release": release if live else None,
        "deployment_id": cell.deployment_id,
        "status": cell.status,
        "phase": cell.news.phase if cell.news else "succeeded" if live else None,
        "run_id": cell.news.run_id if cell.news else None,
        "since": cell.since,
        "by": cell.by,
        "bypassed": cell.bypassed,
        "reason": cell.reason,
        "behind": cell.behind,
        "overtaken": cell.overtaken,
        "hold": {"id": cell.hold_id, "reason": cell.hold_reason} if cell.hold_id else None,
        "gate": gate if cell.offer else None,
    }
