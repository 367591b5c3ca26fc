"""REST: the shapes of apps."""

from datetime import datetime
from uuid import UUID

from projects.rest.shapes import Answer, Change, Wish


class AppIn(Wish):
    project_id: UUID
    name: str
    description: str = ""
    repository_url: str = ""


class AppChange(Change):
    name: str | None = None
    description: str | None = None
    repository_url: str | None = None


class AppOut(Answer):
    id: UUID
    organization_id: UUID
    project_id: UUID
    name: str
    description: str
    repository_url: str
    created_by: str
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
