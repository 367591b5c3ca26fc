"""REST: the shapes of workers, heartbeats and farewells."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import Field

from projects.rest.shapes import Body


class WorkerOut(Schema):
    id: UUID
    environment_id: UUID
    hostname: str
    version: str
    kind: Literal["builtin", "joined"]
    state: Literal["idle", "busy", "lost", "disconnected"]
    load: int = Field(description="How many runs it carries out now.")
    current_run_id: UUID | None
    tasks_processed: int
    system_info: dict[str, Any]
    registered_at: datetime
    last_heartbeat_at: datetime


class HeartbeatIn(Body):
    worker_id: UUID | None = None
    environment_name: str | None = None
    status: Literal["idle", "busy", "active"] | None = None
    tasks_processed: int | None = Field(None, ge=0, lt=2**31)
    current_task_id: str | None = None
    worker_metadata: dict[str, Any] | None = None
    system_info: dict[str, Any] | None = None
    logs: list[Any] | None = None


class FarewellIn(Body):
    reason: str = ""
    exit_code: int = Field(0, ge=-(2**31), lt=2**31)
    error_message: str | None = None
