"""The records of the lower floor: who and what."""

from projects.models.access_token import AccessToken
from projects.models.app import App
from projects.models.artifact import Artifact
from projects.models.event import Event, EventCounter
from projects.models.idempotency import IdempotentAnswer
from projects.models.invitation import Invitation
from projects.models.membership import Grant, Membership, Role
from projects.models.organization import Organization
from projects.models.project import Project
from projects.models.release import Release
from projects.models.user import User
from projects.models.user_session import UserSession

__all__ = [
    "AccessToken",
    "App",
    "Artifact",
    "Event",
    "EventCounter",
    "Grant",
    "IdempotentAnswer",
    "Invitation",
    "Membership",
    "Organization",
    "Project",
    "Release",
    "Role",
    "User",
    "UserSession",
]
