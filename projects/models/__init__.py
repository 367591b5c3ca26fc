"""The records of the lower floor: who and what."""

from projects.models.access_token import AccessToken
from projects.models.app import App
from projects.models.artifact import Artifact
from projects.models.event import Event, EventCounter
from projects.models.idempotency import IdempotentAnswer
from projects.models.membership import Grant, Membership, Role
from projects.models.organization import Organization
from projects.models.project import Project
from projects.models.release import Release
from projects.models.user import User

__all__ = [
    "AccessToken",
    "App",
    "Artifact",
    "Event",
    "EventCounter",
    "Grant",
    "IdempotentAnswer",
    "Membership",
    "Organization",
    "Project",
    "Release",
    "Role",
    "User",
]
