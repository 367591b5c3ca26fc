"""REST: the shapes of events, addresses and lines of logs."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from projects.rest.shapes import Answer


class EventOut(Answer):
    id: str = Field(description="<epoch>-<number>, also what `after` and Last-Event-ID take.")
    kind: str
    actor: str
    object: dict[str, Any]
    project_id: UUID | None
    environment_id: UUID | None
    at: datetime
    sentence: str
    reason: str
    link: str = Field(description="A ticket or a CI job that was named with the change.")
    undoes: str | None = Field(description="The id of the event that this one takes back.")


class EventFilters(BaseModel):
    after: str = ""
    project: str = ""
    kind: str = ""
    actor: str = ""


class EndpointOut(Answer):
    id: UUID
    environment_id: UUID
    app_id: UUID
    app: str
    service: str
    name: str
    url: str
    port: int
    status: str
    created_at: datetime


class LogLineOut(Answer):
    at: datetime | None
    app_id: UUID
    service: str
    deployment_id: UUID
    stream: str
    text: str
