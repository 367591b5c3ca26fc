"""REST: the shapes of members and access tokens."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from projects.rest.shapes import Answer, Moment, Wish


class MemberIn(Wish):
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
    """`deactivated_at`: since when the grants give nothing."""

    id: UUID
    username: str
    grants: list[GrantOut]
    created_at: datetime
    deactivated_at: datetime | None


class InvitationIn(Wish):
    role: str
    project_id: UUID | None = None
    environment_id: UUID | None = None
    email: str = ""


class InvitationOut(Answer):
    id: UUID
    role: str
    project_id: UUID | None
    environment_id: UUID | None
    email: str
    invited_by: str
    created_at: datetime
    expires_at: datetime


class InvitationMade(InvitationOut):
    url: str


class TokenIn(Wish):
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
