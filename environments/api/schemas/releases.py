"""REST: the shapes of releases and artifacts."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from projects.rest.shapes import Answer, Body


class GitIn(Body):
    url: str
    ref: str


class ReleaseIn(Body):
    version: str
    manifest: dict[str, Any] | str = Field(description="The manifest as an object, or as YAML text.")
    commit: str = ""
    notes: str = ""
    changes: list[str] = []
    link: str = ""
    artifact_id: UUID | None = None
    git: GitIn | None = None


class ArtifactOut(Answer):
    id: UUID
    app_id: UUID
    kind: str
    status: str
    filename: str
    sha256: str
    size: int
    git_url: str
    git_ref: str
    git_commit: str
    reason: str
    created_by: str
    created_at: datetime


class ReleaseOut(Answer):
    id: UUID
    app_id: UUID
    version: str
    commit: str
    notes: str
    changes: list[str]
    link: str
    artifact: ArtifactOut | None
    manifest: dict[str, Any]
    created_by: str
    created_at: datetime
    live_in: list[UUID] = Field(description="The environments in which it is live.")
