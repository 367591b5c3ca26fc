"""REST: the shapes of releases and artifacts."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from environments.api.schemas.delivery import ChangeOut
from projects.rest.shapes import Answer, Body, Reasoned, Wish


class GitIn(Body):
    url: str
    ref: str


class ReleaseIn(Wish):
    version: str
    manifest: dict[str, Any] | str = Field(description="The manifest as an object, or as YAML text.")
    commit: str = ""
    notes: str = ""
    changes: list[str] = []
    link: str = Field("", description="A ticket or a CI job, http or https. Kept with the release, and told.")
    artifact_id: UUID | None = None
    git: GitIn | None = None


class UploadIn(Reasoned):
    sha256: str = ""


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


class Compared(BaseModel):
    """Query parameters of a comparison."""

    before: str = Field(
        "", alias="from", description="A version, number or id; without it the release cut before `to`."
    )
    after: str = Field("", alias="to", description="A version, number or id; without it the newest release.")


class ManifestLineOut(Answer):
    before: int | None = Field(description="Its number in the one manifest, as YAML; null where it was added.")
    after: int | None = Field(description="Its number in the other; null where it was removed.")
    change: Literal["same", "added", "removed"]
    text: str


class ComparisonOut(Answer):
    app_id: UUID
    before: ReleaseOut
    after: ReleaseOut
    releases: list[ChangeOut] = Field(
        description="What arrives on the way, newest first, at most 100; on the way back what leaves."
    )
    manifest: list[ManifestLineOut] = Field(description="Both manifests as YAML, line by line.")
    manifest_differs: bool
    artifact_differs: bool
