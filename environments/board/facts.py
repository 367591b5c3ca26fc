"""What the board is made of: filters, columns, rows and cells, as facts without words or links."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from environments.models import Phase

PAGE = 50
STATUSES = ("failed", "deploying", "degraded", "behind", "held", "live")


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
    newest_version: str
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
