"""REST: the shapes of projects."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from projects.rest.shapes import Answer, Change, Wish


class ProjectIn(Wish):
    key: str
    name: str
    description: str = ""
    restrict_to_environment: str | None = None
    policy_ids: list[Any] = Field([], max_length=0, description="Must be empty for now.")


class ProjectChange(Change):
    key: str | None = Field(None, description="Never changes; another one is 409.")
    name: str | None = None
    description: str | None = None
    restrict_to_environment: str | None = None
    policy_ids: list[Any] | None = Field(None, max_length=0, description="Must be empty for now.")


class ProjectOut(Answer):
    id: UUID
    organization_id: UUID
    key: str
    name: str
    description: str
    restrict_to_environment: UUID | None
    policy_ids: list[Any]
    status: str
    owner: str
    created_at: datetime
    updated_at: datetime
