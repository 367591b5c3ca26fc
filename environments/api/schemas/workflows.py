"""REST: the shapes of workflows, and of what a run of a workflow or agent is given."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import Field

from projects.rest.shapes import Answer, Change, Wish

INPUTS = "By name: type (text, number, boolean, choice), required, default, options, description."
STEPS = "In order: name, run, timeout (90s, 10m, or seconds), env, once; as a manifest's."


class WorkflowIn(Wish):
    name: str
    description: str = ""
    inputs: dict[str, Any] = Field({}, description=INPUTS)
    steps: list[Any] = Field(description=STEPS)
    project_id: UUID | None = Field(None, description="The default project, unless given.")


class WorkflowChange(Change):
    name: str | None = None
    description: str | None = None
    inputs: dict[str, Any] | None = None
    steps: list[Any] | None = None


class InputOut(Schema):
    type: Literal["text", "number", "boolean", "choice"]
    required: bool
    default: str | None
    options: list[str]
    description: str


class WorkflowStepOut(Schema):
    name: str
    run: str
    timeout: int
    env: dict[str, str]
    once: bool


class WorkflowOut(Answer):
    id: UUID
    organization_id: UUID
    project_id: UUID
    name: str
    description: str
    inputs: dict[str, InputOut]
    steps: list[WorkflowStepOut]
    created_by: str
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


class WorkflowRunIn(Wish):
    environment_id: UUID
    inputs: dict[str, Any] = Field({}, description="Text, numbers and booleans by name; given to steps as INPUT_NAME.")


class AgentRunIn(Wish):
    environment_id: UUID
    input: str = Field("", description="Given to its command as TOWPATH_INPUT.")
    project_id: UUID | None = Field(None, description="Need not be named where the agent works for exactly one.")
