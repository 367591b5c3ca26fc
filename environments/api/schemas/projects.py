"""REST: the shapes of projects."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from projects.rest.shapes import Answer, Change, Wish

PRIVATE = "org, or private: seen by owners and by those who have a role that names it."


class ProjectIn(Wish):
    key: str
    name: str
    description: str = ""
    goals: str = ""
    visibility: str = Field("org", description=PRIVATE)
    default_model: str = ""
    settings: dict[str, Any] = {}
    restrict_to_environment: str | None = None
    policy_ids: list[Any] = Field([], max_length=0, description="Must be empty for now.")


class ProjectChange(Change):
    key: str | None = Field(None, description="Never changes; another one is 409.")
    name: str | None = None
    description: str | None = None
    goals: str | None = None
    visibility: str | None = Field(None, description=PRIVATE)
    default_model: str | None = None
    settings: dict[str, Any] | None = None
    restrict_to_environment: str | None = None
    policy_ids: list[Any] | None = Field(None, max_length=0, description="Must be empty for now.")


class ProjectOut(Answer):
    id: UUID
    organization_id: UUID
    key: str
    name: str
    description: str
    goals: str
    visibility: str
    default_model: str
    settings: dict[str, Any]
    restrict_to_environment: UUID | None
    policy_ids: list[Any]
    status: str = Field(description="active or archived.")
    owner: str
    app_count: int
    team_count: int
    agent_count: int
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


class ProjectFilters(BaseModel):
    archived: bool = False
    visibility: Literal["org", "private", ""] = ""
    q: str = ""
