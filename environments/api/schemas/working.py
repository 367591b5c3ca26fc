"""REST: the shapes of what workers say while they work."""

from typing import Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import ConfigDict, Field


class Said(Schema):
    """What workers say may grow: fields that are not known yet are ignored."""

    model_config = ConfigDict(extra="ignore")


class ClaimIn(Said):
    claim_key: str = Field(min_length=1, max_length=100)
    wait: float = Field(0, ge=0, le=60)


class HeldRun(Said):
    id: UUID
    attempt: int


class RenewalsIn(Said):
    runs: list[HeldRun] = Field([], max_length=200)
    status: Literal["idle", "busy"] = "idle"
    system_info: dict[str, Any] = {}


class StepIn(Said):
    n: int
    name: str
    phase: str
    detail: str | None = ""
    exit_code: int | None = Field(None, ge=-(2**31), lt=2**31)


class ReportIn(Said):
    attempt: int
    before: StepIn | None = None
    step: StepIn


class LogChunkIn(Said):
    attempt: int
    offset: int = Field(ge=0, lt=2**31)
    lines: list[dict[str, Any]]


class SealIn(Said):
    attempt: int


class ConclusionIn(Said):
    attempt: int
    outcome: Literal["succeeded", "failed", "errored", "cancelled"]
    reason: str | None = ""
    last_lines: list[str] = []


class ObservationsIn(Said):
    slots: list[dict[str, Any]] = []
    resources: dict[str, Any] = {}
    missing: list[str] = []


class ServiceLogsIn(Said):
    chunks: list[dict[str, Any]]
