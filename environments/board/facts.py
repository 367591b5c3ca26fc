"""What the board is made of: filters, columns, rows and cells, as facts without words or links."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

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
    state_since: float
    protected: bool
    kind: str
    tags: tuple[str, ...]
    stage: str
    place: int
    shown: bool = True
    apps: int = 0


class SlotRow(NamedTuple):
    """One slot as the statement gives it: ids as text, moments in seconds since 1970.

    What begins with `news` or `run`, and the steps, belong to the latest deployment where it has not succeeded;
    `environment` and `state` are given for environments beside the columns.
    """

    app_id: str
    environment_id: str
    live_id: str | None
    release_id: str | None
    version: str | None
    commit: str | None
    serial: int | None
    kind: str | None
    by: str | None
    bypass: bool | None
    live_since: float | None
    unseen_since: float | None
    condition: str
    condition_reason: str
    condition_since: float | None
    overtaken: int
    hold_id: str | None
    hold_reason: str | None
    hold_since: float | None
    news_kind: str | None
    news_by: str | None
    news_version: str | None
    news_commit: str | None
    run_id: str | None
    phase: str | None
    run_reason: str | None
    news_since: float | None
    cancelling: bool | None
    done: int | None
    total: int | None
    failed_step: str | None
    environment: str | None
    state: str | None


@dataclass(slots=True, kw_only=True)
class News:
    """The latest deployment of a slot, where it is in flight or did not succeed."""

    run_id: str
    kind: str
    phase: str
    version: str
    commit: str
    by: str
    step: str
    done: int
    total: int
    cancelling: bool


@dataclass(slots=True, kw_only=True)
class Cell:
    """One app in one environment. `behind` counts releases cut after the live one up to the previous stage's.

    `overtaken` counts the keys whose values are not those that run. `offer` names what could come next: "promote" from
    the previous stage, "deploy" into the first, or nothing.
    """

    column: Column
    status: str
    reason: str = ""
    seconds: float | None = None
    deployment_id: str | None = None
    release_id: str | None = None
    version: str = ""
    commit: str = ""
    kind: str = ""
    by: str = ""
    bypassed: bool = False
    same: bool = False
    hold_id: str | None = None
    hold_reason: str = ""
    overtaken: int = 0
    news: News | None = None
    behind: int = 0
    offer: str = ""
    offered_id: str | None = None
    offered_version: str = ""
    obstacle: str = ""

    @property
    def since(self) -> datetime | None:
        """Since when the cell says what it says."""
        return None if self.seconds is None else datetime.fromtimestamp(self.seconds, UTC)

    @property
    def in_flight(self) -> bool:
        return self.news is not None and self.news.phase in (Phase.QUEUED, Phase.RUNNING)


@dataclass(slots=True, kw_only=True)
class Row:
    """One app: its cells in the order of the columns that are shown, and where it is live beside the columns."""

    app_id: uuid.UUID
    name: str
    project_id: uuid.UUID
    project_key: str
    project_name: str
    project_apps: int
    newest_version: str
    cells: list[Cell]
    elsewhere: list[Cell]


@dataclass(frozen=True, kw_only=True)
class Board:
    """`counts` are apps by status, `all` among them, under every filter but the status itself.

    `which` is another word as soon as other apps are counted, under the status, too.
    """

    chain_id: uuid.UUID | None
    columns: Sequence[Column]
    rows: Sequence[Row] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    which: str = ""
    next_cursor: str = ""
