"""REST: the shapes of a scope's keys as the text of a `.env` file."""

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from projects.rest.shapes import Answer, Wish


class Scoped(BaseModel):
    """At most one of project, app, team and agent, and perhaps an environment; none is the whole organization."""

    project_id: UUID | None = None
    app_id: UUID | None = None
    environment_id: UUID | None = None
    team_id: UUID | None = None
    agent_id: UUID | None = None


class ImportIn(Scoped, Wish):
    text: str = Field(description="As in a `.env` file. `$NAME` stays as it is; `{{NAME}}` refers to another key.")
    secrets: list[str] = Field([], description="Which of the new keys are secrets. What is a secret already stays one.")
    as_secrets: bool = Field(False, description="Every new key is a secret.")
    replace: bool = Field(False, description="Also delete the variables that the text does not have; secrets stay.")
    seen: str | None = Field(None, description="The digest of a dry run: 409 where anything was changed since.")
    dry_run: bool = False


class ImportedKey(Answer):
    key: str
    change: Literal["new", "changed", "same", "gone"]
    kind: Literal["variable", "secret"]
    line: int | None
    before: str | None = Field(description="Null for a secret, which is never compared: it is always set anew.")
    after: str | None


class ImportOut(Answer):
    scope: str
    dry_run: bool
    digest: str
    counts: dict[str, int]
    changes: list[ImportedKey]


class Exported(Scoped):
    """Query parameters of an export."""

    reveal: bool = Field(False, description="With the secrets' values, for who may reveal there; this is an event.")
