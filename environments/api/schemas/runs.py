"""REST: the shapes of runs, their steps and lines."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from ninja import Schema
from pydantic import Field

from projects.rest.shapes import Body

PhaseName = Literal["queued", "running", "succeeded", "failed", "errored", "cancelled"]
KindName = Literal["provision", "start", "stop", "terminate", "prepare", "deploy", "restart", "fetch"]


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


class Why(Body):
    reason: str = ""
