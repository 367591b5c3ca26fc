"""REST: the shapes of the board."""

from datetime import datetime
from uuid import UUID

from ninja import Schema
from pydantic import Field


class Filters(Schema):
    environment: str = ""
    project: str = ""
    tag: str = ""
    status: str = Field("", description="failed, deploying, degraded, behind, held (whatever else is so) or live.")
    q: str = ""
    limit: int = Field(50, ge=1, le=1000, description="How many apps.")
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
    overtaken: int = Field(description="Keys whose values are not those that run: a redeploy brings them.")
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
