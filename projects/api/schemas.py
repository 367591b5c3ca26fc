"""The shapes of REST on the lower floor. They know no record."""

from datetime import datetime
from uuid import UUID

from projects.rest.shapes import Answer


class OrganizationOut(Answer):
    id: UUID
    name: str
    created_at: datetime
