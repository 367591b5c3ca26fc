"""REST: the shapes of environments compared, and of keys copied from one to another."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from projects.rest.shapes import Answer, Wish

DifferenceName = Literal["missing", "different", "unknown", "same"]
LevelName = Literal["app", "project", "environment"]


class Asked(BaseModel):
    """Query parameters of a comparison."""

    ids: list[str] = Field([], description="Two to six environments, ids or names, repeated or with commas.")
    project: str = Field("", description="Id, key or name: what holds for a project there.")
    app: str = Field("", description="Id or name: what holds for an app there.")
    difference: DifferenceName | None = Field(None, description="Only keys that compare so.")
    secrets: bool = Field(
        False,
        description="Compare secrets by their fingerprints, where you may write them on both sides; this is an event.",
    )


class ComparedEnvironment(Answer):
    id: UUID
    name: str
    title: str
    tier: str
    protected: bool


class ComparedValue(Answer):
    environment_id: UUID
    state: Literal["set", "missing", "no-value"]
    value: str | None = Field(description="Null where there is none, and where it is masked.")
    masked: bool = Field(description="A secret, or built from one.")
    fingerprint: str | None = Field(description="Equal ones mean equal values; null unless you asked and may know.")
    problem: str = Field(description="Why a key that is set has no value.")
    scope: str
    inherited: bool = Field(description="Set for an environment that this one is based on.")
    overrides: int = Field(description="How many wider values it prevails over.")
    entry_id: UUID | None
    version: int | None
    set_by: str | None
    set_at: datetime | None


class ComparedKey(Answer):
    key: str
    kind: Literal["variable", "secret"]
    difference: DifferenceName = Field(description="unknown: secrets of different versions that were not compared.")
    values: list[ComparedValue] = Field(description="In the order of the environments.")


class SharedOut(Answer):
    key: str
    environment_ids: list[UUID]
    sentence: str


class EnvironmentsComparedOut(Answer):
    environments: list[ComparedEnvironment]
    project_id: UUID | None
    app_id: UUID | None
    counts: dict[str, int]
    warnings: list[SharedOut] = Field(
        description="Secrets that a protected or production environment shares with another."
    )
    keys: list[ComparedKey]


class CopyIn(Wish):
    key: str
    from_environment_id: UUID
    to_environment_id: UUID
    project_id: UUID | None = Field(None, description="For whom the key holds; at most one of project and app.")
    app_id: UUID | None = None
    level: LevelName | None = Field(
        None, description="What it is set for there: the app, its project or all; omitted: as where it comes from."
    )
    seen: str | None = Field(None, description="The digest of a dry run: 409 where anything was changed since.")
    dry_run: bool = False


class CopyOut(Answer):
    key: str
    kind: Literal["variable", "secret"]
    scope: str
    value: str | None = Field(description="Null for a secret, which is copied without being shown.")
    replaces_version: int | None
    replaced_value: str | None
    entry_id: UUID | None = Field(description="What holds it now; null in a dry run of a new key.")
    digest: str
