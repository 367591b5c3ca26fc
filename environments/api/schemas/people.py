"""REST: the shapes of members and access tokens."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from projects.rest.shapes import Answer, Body, Moment


class MemberIn(Body):
    username: str
    password: str = ""
    role: str
    project_id: UUID | None = None
    environment_id: UUID | None = None


class GrantOut(Answer):
    role: str
    project_id: UUID | None
    environment_id: UUID | None


class MemberOut(Answer):
    id: UUID
    username: str
    grants: list[GrantOut]
    created_at: datetime


class TokenIn(Body):
    name: str
    role: str
    project_ids: list[UUID] = []
    environment_ids: list[UUID] = []
    expires_at: Moment | None = None


class TokenOut(Answer):
    id: UUID
    name: str
    role: str
    project_ids: list[UUID] = Field(description="Empty is all; of several, those that one sees.")
    environment_ids: list[UUID] = Field(description="Empty is all; of several, those that one sees.")
    hint: str
    owner: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class TokenMade(TokenOut):
    token: str
