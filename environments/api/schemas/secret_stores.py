"""REST: the shapes of secret stores. No answer has a credential."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from projects.rest.shapes import Answer, Change, Wish


class StoreIn(Wish):
    name: str
    address: str = Field(description="Scheme, host and port of an OpenBao or HashiCorp Vault server.")
    mount: str = Field("secret", description="Where its key-value store of version 2 is mounted.")
    namespace: str = ""
    auth: Literal["token", "approle"]
    token: str = Field("", description="For `token`. Sealed, and never shown again.")
    role_id: str = Field("", description="For `approle`.")
    secret_id: str = Field("", description="For `approle`. Sealed, and never shown again.")


class StoreChange(Change):
    name: str | None = None
    address: str | None = Field(None, description="The credentials are given anew with it.")
    mount: str | None = None
    namespace: str | None = None
    auth: Literal["token", "approle"] | None = None
    token: str | None = None
    role_id: str | None = None
    secret_id: str | None = None


class ProbeOut(Answer):
    at: datetime | None = Field(description="Null where it was never asked.")
    answers: bool
    code: str = Field(description="store-sealed, store-unreachable, store-refused, store-missing, or empty.")
    error: str


class StoreOut(Answer):
    id: UUID
    name: str
    address: str
    mount: str
    namespace: str
    auth: str
    probe: ProbeOut = Field(description="What came of asking it the last time.")
    created_by: str
    created_at: datetime
    updated_at: datetime
