"""REST: the shapes of a worker's registration."""

from typing import Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import Field

from projects.rest.shapes import Body


class MachineIn(Body):
    id: UUID
    address: str = Field("127.0.0.1", max_length=200)
    endpoint_first: int = Field(0, ge=0, le=65535)
    endpoint_count: int = Field(0, ge=0, le=65535)


class RegistrationIn(Body):
    environment_name: str = Field(max_length=200)
    hostname: str = Field("", max_length=255)
    kind: Literal["builtin", "joined"] | None = Field(None, description="Said by older workers; the token decides.")
    version: str = Field("", max_length=40)
    previous_session: str | None = Field(None, max_length=200)
    host: MachineIn | None = None
    worker_metadata: dict[str, Any] = {}


class RegistrationOut(Schema):
    worker_id: UUID
    session: str
    environment_id: UUID
    environment_name: str
    temporal_namespace: str
    temporal_host: str
    organization_id: UUID
    control_plane_url: str
    worker_token: str
    lease_seconds: int
    renew_seconds: int
