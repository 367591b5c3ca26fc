"""The records of the lower floor: who and what."""

from projects.models.access_token import AccessToken
from projects.models.agent import Agent
from projects.models.app import App
from projects.models.artifact import Artifact
from projects.models.event import Event, EventCounter
from projects.models.idempotency import IdempotentAnswer
from projects.models.invitation import Invitation
from projects.models.membership import Grant, Membership, Role
from projects.models.organization import Organization
from projects.models.project import DeletedPrivateProject, Project, Visibility
from projects.models.release import Release
from projects.models.team import Team
from projects.models.user import User
from projects.models.user_session import UserSession
from projects.models.workflow import Workflow

__all__ = [
    "AccessToken",
    "Agent",
    "App",
    "Artifact",
    "DeletedPrivateProject",
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
    "Team",
    "User",
    "UserSession",
    "Visibility",
    "Workflow",
]
