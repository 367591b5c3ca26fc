"""REST: the shapes of chains."""

from datetime import datetime
from uuid import UUID

from projects.rest.shapes import Answer, Body, Change, Wish


class StageIn(Body):
    name: str
    environments: list[str]


class ChainIn(Wish):
    name: str
    project_id: UUID | None = None
    stages: list[StageIn]
    create_missing: bool = False


class ChainChange(Change):
    name: str | None = None
    stages: list[StageIn] | None = None
    create_missing: bool = False


class StageOut(Answer):
    name: str
    environments: list[str]


class ChainOut(Answer):
    id: UUID
    name: str
    project_id: UUID | None
    stages: list[StageOut]
    created_by: str
    created_at: datetime
    updated_at: datetime
