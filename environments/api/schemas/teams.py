"""REST: the shapes of teams, and of what teams and agents work with."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from projects.rest.shapes import Answer, Change, Wish


class CrewEquipment(BaseModel):
    """Each part that is sent replaces the present one whole; null clears it."""

    env_vars: dict[str, Any] | None = Field(None, description="The variables that are set for it in every environment.")
    secrets: list[str] | None = Field(None, description="Names of secrets without which its runs do not begin.")
    integration_ids: list[Any] | None = Field(None, description="What is enabled for it in every environment.")
    mcp_servers: dict[str, Any] | None = None

    model_config = ConfigDict(extra="allow")


class CrewEquipmentOut(Answer):
    env_vars: dict[str, str]
    secrets: list[str]
    integration_ids: list[UUID]
    mcp_servers: dict[str, Any]


class TeamFields(BaseModel):
    description: str | None = None
    configuration: dict[str, Any] | None = None
    environment_ids: list[UUID] | None = None
    execution_environment: CrewEquipment | None = None


class TeamIn(TeamFields, Wish):
    name: str
    project_ids: list[UUID] = Field(
        [], description="The projects that it works for from the start; where there are none, everybody sees it."
    )


class TeamChange(TeamFields, Change):
    name: str | None = None


class TeamRef(Wish):
    team_id: UUID


class TeamOut(Answer):
    id: UUID
    organization_id: UUID
    name: str
    description: str
    configuration: dict[str, Any]
    environment_ids: list[UUID]
    project_ids: list[UUID] = Field(description="The projects it is assigned to, as far as they are seen.")
    agent_ids: list[UUID] = Field(description="Its agents, as far as they are seen.")
    execution_environment: CrewEquipmentOut
    created_by: str
    created_at: datetime
    updated_at: datetime


class CrewFilters(BaseModel):
    project: str = ""
    environment: str = ""
    q: str = ""
