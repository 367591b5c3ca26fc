"""REST: the shapes of variables, secrets and what they come to."""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from projects.rest.shapes import Answer, Change, Wish

TypeName = Literal["text", "number", "boolean", "json", "url"]
Kind = Literal["apps", "agents", "teams", "projects"]
ContextKind = Literal["environment", "project", "team", "agent"]
NOTE = "Why this value; kept with its version."
NOTE_CHANGED = "Why this value: belongs to a new one, and is not changed by itself."


class Place(BaseModel):
    """At most one of project, app, team and agent, and perhaps an environment; none is the whole organization."""

    project_id: UUID | None = None
    app_id: UUID | None = None
    environment_id: UUID | None = None
    team_id: UUID | None = None
    agent_id: UUID | None = None


class Filters(BaseModel):
    environment: str = Field("", description="Id or name.")
    project: str = Field("", description="Id, key or name.")
    app: str = Field("", description="Id, name or KEY/name.")
    team: str = Field("", description="Id or name.")
    agent: str = Field("", description="Id or name.")
    key: str = Field("", description="Where this key is set: exactly this one, in every scope that you see.")
    q: str = Field("", description="What the key or the description holds.")
    deleted: bool = Field(False, description="Those that were deleted, and they alone.")


class VariableIn(Place, Wish):
    key: str
    value: str
    type: TypeName = "text"
    description: str = ""
    note: str = Field("", description=NOTE)


class VariableChange(Change):
    value: str | None = None
    type: TypeName | None = None
    description: str | None = None
    note: str | None = Field(None, description=NOTE_CHANGED)


class StoredAt(BaseModel):
    """Where a secret lies that is not kept here: in a secret store, of which the value is read when it is needed."""

    store_id: UUID
    path: str
    field: str


class SecretIn(Place, Wish):
    key: str
    value: str | None = Field(None, description="Either this, or `stored_at`.")
    stored_at: StoredAt | None = Field(None, description="Needs the right to manage secret stores.")
    description: str = ""
    write_only: bool = Field(False, description="Processes get it, nobody can ever reveal it; cannot be taken back.")
    rotate_on: date | None = None
    note: str = Field("", description=NOTE)


class SecretChange(Change):
    value: str | None = None
    stored_at: StoredAt | None = None
    description: str | None = None
    write_only: bool | None = None
    rotate_on: date | None = None
    note: str | None = Field(None, description=NOTE_CHANGED)


class RestorationIn(Wish):
    note: str = Field("", description=NOTE)


class RevocationIn(Wish):
    destroy: bool = Field(False, description="Take the ciphertext away, too.")


class EntryOut(Answer):
    id: UUID
    key: str
    project_id: UUID | None
    app_id: UUID | None
    environment_id: UUID | None
    team_id: UUID | None
    agent_id: UUID | None
    scope: str = Field(description="In words: Organization, shop, Production, shop in Production.")
    integration_id: UUID | None = Field(description="The integration that it comes from, where it is changed.")
    version: int
    description: str
    note: str = Field(description="Of the current version.")
    created_by: str
    created_at: datetime
    updated_by: str
    updated_at: datetime
    deleted_at: datetime | None


class VariableOut(EntryOut):
    type: TypeName
    value: str


class SecretOut(EntryOut):
    """Never its value."""

    stored_at: StoredAt | None = Field(description="Where it lies, if that is not here.")
    write_only: bool
    rotate_on: date | None
    revoked_at: datetime | None
    destroyed_at: datetime | None


class VersionOut(Answer):
    number: int
    current: bool
    deleted: bool = Field(description="It says that the key was deleted.")
    restores: int | None = Field(description="The version whose value it brought back.")
    note: str
    created_by: str
    created_at: datetime


class VariableVersionOut(VersionOut):
    type: TypeName
    value: str


class SecretVersionOut(VersionOut):
    revoked_at: datetime | None
    revoked_by: str
    destroyed_at: datetime | None


class ValueOut(Answer):
    value: str


class Asked(BaseModel):
    """What is asked about beside the thing itself."""

    environment: str = Field("", description="Id or name; may be left out where there is only one.")
    project: str = Field("", description="Id or key; may be left out where there is only one.")


class EnabledOut(Answer):
    id: UUID
    name: str
    type: str
    scope: str = Field(description="Where it is enabled, in words; also an environment that this one is based on.")
    env_vars: list[str] = Field(description="The names that it gives here: without those that something prevails over.")


class FullOut(Answer):
    env_vars: dict[str, str]
    secrets: dict[str, str]
    integrations: list[EnabledOut] = Field(description="Those that are enabled there, the strongest scope first.")
    mcp_servers: dict[str, Any]


class SetOut(Answer):
    """One value that is set for the key, and where."""

    id: UUID
    kind: Literal["variable", "secret"]
    scope: str
    project_id: UUID | None
    app_id: UUID | None
    environment_id: UUID | None
    team_id: UUID | None
    agent_id: UUID | None
    inherited_from: str | None = Field(description="The environment that this one is based on and has it from.")
    version: int
    version_id: UUID
    type: TypeName
    value: str | None = Field(description="As it was set; of a secret null.")
    set_by: str
    set_at: datetime
    revoked_at: datetime | None


class ProblemOut(Answer):
    key: str
    code: str
    reference: str
    sentence: str


class KeyOut(Answer):
    key: str
    masked: bool
    value: str | None = Field(description="What it comes to, masked; null where it has no value.")
    winner: SetOut
    shadows: list[SetOut] = Field(description="What it prevails over, strongest first.")
    problem: ProblemOut | None


class ExplanationOut(Answer):
    environment_id: UUID
    project_id: UUID | None
    keys: list[KeyOut]
    problems: list[ProblemOut]


class LaidOut(Answer):
    key: str
    wins: bool
    kind: Literal["variable", "secret"]
    version: int
    type: TypeName
    value: str | None


class LayerOut(Answer):
    scope: str
    project_id: UUID | None
    environment_id: UUID | None
    team_id: UUID | None
    agent_id: UUID | None
    inherited: bool
    keys: list[LaidOut]


class ContextOut(Answer):
    environment_id: UUID
    project_id: UUID | None
    layers: list[LayerOut] = Field(description="From weak to strong.")
    resolved: dict[str, str] = Field(description="What has a value, masked.")
    problems: list[ProblemOut]
