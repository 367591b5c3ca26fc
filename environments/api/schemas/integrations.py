"""REST: the shapes of integrations. No answer has a secret: they name keys of secrets."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from projects.rest.shapes import Answer, Change, Wish

TypeName = Literal["github", "gitlab", "slack", "http", "postgresql", "redis"]
SETTINGS = "What the type is told in the open, by name (docs/integrations.md)."
SECRETS = "For each credential of the type the key of a secret, such as {'token': 'CI_TOKEN'}; never its value."


class IntegrationIn(Wish):
    name: str
    type: TypeName
    description: str = ""
    settings: dict[str, Any] = Field({}, description=SETTINGS)
    secrets: dict[str, Any] = Field({}, description=SECRETS)


class IntegrationChange(Change):
    name: str | None = None
    type: TypeName | None = Field(None, description="Stays as it is.")
    description: str | None = None
    settings: dict[str, Any] | None = Field(None, description=f"Replaced as a whole. {SETTINGS}")
    secrets: dict[str, Any] | None = Field(None, description=f"Replaced as a whole. {SECRETS}")


class Filters(BaseModel):
    connected_only: bool = Field(False, description="Those alone that answered as they should the last time.")


class ProbeIn(Wish):
    environment_id: UUID | None = Field(
        None,
        description="Whose secrets it is asked with; else the first in which it is enabled, or the default one.",
    )


class IntegrationProbeOut(Answer):
    """What came of asking it the last time."""

    at: datetime | None = Field(description="Null where it was never asked since it was changed.")
    answers: bool
    code: str = Field(description="unreachable, refused, no-value, or empty.")
    error: str


class EnabledInOut(Answer):
    """One scope in which it is enabled."""

    scope: str
    environment_id: UUID | None
    team_id: UUID | None
    agent_id: UUID | None


class IntegrationOut(Answer):
    id: UUID
    name: str
    type: TypeName
    description: str
    settings: dict[str, str]
    secrets: dict[str, str]
    env_vars: list[str] = Field(description="The names that a process knows it by where it is enabled.")
    connected: bool = Field(description="Whether it answered as it should when it was asked the last time.")
    probed_at: datetime | None = Field(description="Null where it was never asked since it was changed.")
    probed_in: UUID | None = Field(description="The environment whose secrets it was asked with, if you see it.")
    probe_code: str = Field(description="unreachable, refused, no-value, or empty.")
    probe_error: str
    enabled_in: list[EnabledInOut] = Field(description="Where it is enabled itself, as far as you see that.")
    created_by: str
    created_at: datetime
    updated_at: datetime
