"""REST: the board, what runs where and how far apart the stages are."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from environments import board as boards
from environments import lifecycle
from environments.board import Cell, Column, Row
from projects import lifecycle as projects
from projects.rest import paging as pages
from projects.rest.bodies import actor

router = Router(tags=["delivery"])


class Filters(Schema):
    environment: str = ""
    project: str = ""
    tag: str = ""
    status: str = Field("", description="failed, deploying, degraded, behind, held or live.")
    q: str = ""
    limit: int = Field(boards.PAGE, ge=1, le=1000)
    cursor: str = ""


class ColumnOut(Schema):
    environment_id: UUID
    name: str
    title: str
    stage: str
    place: int = Field(description="The stage's number from 1; 0 outside the chain.")
    state: str
    protected: bool
    apps: int


class AppBrief(Schema):
    id: UUID
    name: str
    project_id: UUID
    project_key: str


class ReleaseBrief(Schema):
    id: UUID
    version: str
    commit: str


class HoldBrief(Schema):
    id: UUID
    reason: str


class StepOn(Schema):
    kind: str = Field(description="promote, or deploy into the first stage.")
    release_id: UUID | None
    version: str
    obstacle: str = Field(description="Why not at the moment; empty where nothing is known to stand in the way.")


class CellOut(Schema):
    environment_id: UUID
    release: ReleaseBrief | None = Field(description="What is live.")
    deployment_id: UUID | None
    status: str
    phase: str | None = Field(description="Of the latest deployment; null where nothing was ever deployed.")
    run_id: UUID | None = Field(description="The latest deployment's run, while it is on its way or did not succeed.")
    since: datetime | None
    by: str
    bypassed: bool
    reason: str
    behind: int = Field(description="Releases cut after the live one up to the previous stage's.")
    hold: HoldBrief | None
    gate: StepOn | None


class RowOut(Schema):
    app: AppBrief
    cells: list[CellOut]


class BoardOut(Schema):
    chain_id: UUID | None
    columns: list[ColumnOut]
    rows: list[RowOut]
    counts: dict[str, int]


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
        "hold": {"id": cell.hold_id, "reason": cell.hold_reason} if cell.hold_id else None,
        "gate": gate if cell.offer else None,
    }
