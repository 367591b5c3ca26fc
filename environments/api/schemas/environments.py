"""REST: the shapes of environments."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from projects.rest.shapes import Answer, Change, Wish


class ExecutionEnvironment(BaseModel):
    env_vars: dict[str, Any] | None = None
    secrets: list[Any] | None = Field(None, description="Must be empty for now.")
    integration_ids: list[Any] | None = Field(None, description="What is enabled in the environment itself.")
    mcp_servers: dict[str, Any] | None = None

    model_config = ConfigDict(extra="allow")


class EnvironmentFields(BaseModel):
    display_name: str | None = None
    description: str | None = None
    tags: list[str] | None = None
    priority: int | None = Field(None, description="1 to 10, 10 first; 5 unless given.", strict=True)
    policy_ids: list[Any] | None = Field(None, description="Must be empty for now.")
    status: str | None = Field(None, description="What is wished for: active or inactive.")
    configuration: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    settings: dict[str, Any] | None = None
    tier: str | None = Field(None, description="development, staging, production or other; guessed from the name.")
    protected: bool | None = Field(None, strict=True)
    kind: str | None = Field(None, description="permanent or ephemeral.")
    project_id: UUID | None = None
    based_on: str | None = Field(
        None, description="Id or name of the environment whose configuration it inherits.", max_length=110
    )
    provisioner: str | None = Field(None, description="process or external.")
    execution_environment: ExecutionEnvironment | None = None


class EnvironmentIn(EnvironmentFields, Wish):
    name: str


class EnvironmentChange(EnvironmentFields, Change):
    name: str | None = None


class SeveralIn(Wish):
    act: str = Field(description="start, stop, delete, tag or untag.")
    ids: list[str] = Field(description="At most 100 ids of environments.")
    tag: str = Field("", description="What tag adds and untag takes away.", max_length=50)


class OutcomeOut(Answer):
    id: str
    name: str = Field(description="Empty where there is no such environment, or it may not be seen.")
    done: bool
    detail: str = Field(description="What happens now, or why not.")
    code: str = Field(description="The refusal's stable word; empty where it was done.")


class SeveralOut(Answer):
    done: int
    refused: int
    results: list[OutcomeOut]


class EndpointBrief(Answer):
    name: str
    url: str
    app: str
    service: str
    status: str


class ExecutionEnvironmentOut(Answer):
    env_vars: dict[str, Any] = Field(description="Set by hand; what integrations set is not among them.")
    secrets: list[Any]
    integration_ids: list[UUID] = Field(description="What is enabled in the environment itself, not what it inherits.")
    mcp_servers: dict[str, Any]


class EnvironmentOut(Answer):
    id: UUID
    organization_id: UUID
    name: str
    display_name: str
    description: str
    tags: list[str]
    priority: int
    policy_ids: list[Any]
    status: Literal["provisioning", "ready", "active", "inactive", "error"]
    state: str
    configuration: dict[str, Any]
    metadata: dict[str, Any]
    settings: dict[str, Any]
    tier: str
    protected: bool
    kind: str
    project_id: UUID | None
    based_on: UUID | None
    provisioner: str
    execution_environment: ExecutionEnvironmentOut
    error_message: str
    temporal_namespace: str
    provisioning_workflow_id: UUID | None
    active_workers: int
    idle_workers: int
    busy_workers: int
    endpoints: list[EndpointBrief]
    resources: dict[str, Any]
    metrics: dict[str, Any]
    created_by: str
    created_at: datetime
    updated_at: datetime
    provisioned_at: datetime | None
    expires_at: datetime | None


class Filters(BaseModel):
    status_filter: str = ""
    project: str = ""
    tag: str = ""
    kind: Literal["permanent", "ephemeral", ""] = ""
    tier: Literal["development", "staging", "production", "other", ""] = ""
    q: str = ""


class CommandParts(Answer):
    binary: str
    subcommand: str
    flags: dict[str, str]


class WorkerCommandOut(Answer):
    command: str
    command_parts: CommandParts
    worker_token: str
    temporal_namespace: str
    environment_name: str
    namespace_status: str
    can_register: bool
    provisioning_workflow_id: UUID | None
