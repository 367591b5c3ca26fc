"""REST: the shapes of agents."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from environments.api.schemas.teams import CrewEquipment, CrewEquipmentOut, CrewFilters
from projects.rest.shapes import Answer, Change, Wish


class AgentFields(BaseModel):
    description: str | None = None
    model_id: str | None = None
    runtime: str | None = None
    runner_name: str | None = None
    capabilities: list[str] | None = None
    configuration: dict[str, Any] | None = None
    llm_config: dict[str, Any] | None = None
    system_prompt: str | None = None
    command: str | None = Field(None, description="What a run of it runs, by a shell, on the environment's worker.")
    team_id: UUID | None = Field(None, description="At most one; a second is 409.")
    environment_ids: list[UUID] | None = None
    skill_ids: list[Any] | None = Field(None, max_length=0, description="Must be empty for now.")
    execution_environment: CrewEquipment | None = None


class AgentIn(AgentFields, Wish):
    name: str
    project_ids: list[UUID] = Field(
        [], description="The projects that it works for from the start; where there are none, everybody sees it."
    )
    model: str | None = Field(None, description="The same as model_id.")


class AgentChange(AgentFields, Change):
    name: str | None = None
    model: str | None = Field(None, description="The same as model_id.")


class AgentRef(Wish):
    agent_id: UUID


class AgentOut(Answer):
    id: UUID
    organization_id: UUID
    name: str
    description: str
    model_id: str
    runtime: str
    runner_name: str
    capabilities: list[str]
    configuration: dict[str, Any]
    llm_config: dict[str, Any]
    system_prompt: str
    command: str
    team_id: UUID | None
    environment_ids: list[UUID]
    project_ids: list[UUID] = Field(description="The projects it is assigned to, as far as they are seen.")
    skill_ids: list[Any]
    execution_environment: CrewEquipmentOut
    created_by: str
    created_at: datetime
    updated_at: datetime


class AgentFilters(CrewFilters):
    team: str = ""


class AgentGone(Answer):
    id: UUID
