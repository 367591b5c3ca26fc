"""REST: the shapes of runs, their steps and lines."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from ninja import Schema
from pydantic import BaseModel, Field, field_validator
from pydantic_core import PydanticCustomError

PhaseName = Literal["queued", "running", "succeeded", "failed", "errored", "cancelled"]
KindName = Literal[
    "provision", "start", "stop", "terminate", "prepare", "deploy", "restart", "fetch", "workflow", "agent"
]


class StepOut(Schema):
    n: int
    name: str
    phase: Literal["pending", "running", "succeeded", "failed", "skipped", "cancelled"]
    detail: str
    exit_code: int | None
    started_at: datetime | None
    finished_at: datetime | None


class RunOut(Schema):
    id: UUID
    number: int
    kind: KindName
    phase: PhaseName
    environment_id: UUID | None
    app_id: UUID | None
    deployment_id: UUID | None
    worker_id: UUID | None
    workflow_id: UUID | None
    agent_id: UUID | None
    inputs: dict[str, str] = Field(description="What a workflow or agent was given.")
    service: str
    attempt: int
    max_attempts: int
    steps: list[StepOut] = Field(description="The steps of the latest attempt.")
    reason: str
    last_lines: list[str]
    cancel_asked_at: datetime | None
    sealed_at: datetime | None
    created_by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class LineOut(Schema):
    n: int = Field(description="The line's number within the attempt, from 0.")
    at: str
    step: int
    stream: Literal["out", "err", "note"]
    text: str


class LogPlace(BaseModel):
    """Where one begins to read a run's log, and how much at once: as a list or as a stream."""

    attempt: int | None = Field(None, ge=1, le=32000, description="The latest, unless given.")
    limit: int = Field(1000, ge=1, le=10_000, description="How many lines; of a stream, how many at once.")
    cursor: str = Field("", description="The number of the first line; the Link header says which comes next.")
    skip: int = Field(0, ge=0, le=1_000_000, description="Lines to leave out at the beginning.")

    @field_validator("cursor")
    @classmethod
    def _is_ours(cls, cursor: str) -> str:
        if cursor and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 10):
            raise PydanticCustomError("cursor", "is not one of ours; begin without it")
        return cursor

    @property
    def first(self) -> int:
        return int(self.cursor or 0) + self.skip
