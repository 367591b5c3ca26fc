"""Giving a member one more role somewhere, and taking one away."""

import uuid

from projects import access, events, memberships
from projects.access import Actor, Permission
from projects.errors import Conflict, NotAllowed, NotFound
from projects.models import Grant, Membership, Project, Role


def give(
    membership: Membership,
    *,
    by: Actor,
    role: str,
    project: Project | None = None,
    environment_id: uuid.UUID | None = None,
) -> Membership:
    """One more role, in one project or all, in one environment or all."""
    access.require_own(by, membership.organization_id)
    name = membership.user.username
    return memberships.add(by=by, username=name, role=role, project=project, environment_id=environment_id)


@events.operation
def take_away(grant_id: uuid.UUID, membership: Membership, *, by: Actor) -> None:
    """One role less; the last owner keeps theirs."""
    found = memberships.held(membership, by=by)
    grant = Grant.objects.select_related("project").filter(pk=grant_id, membership=found).first()
    if grant is None or not by.sees(project_id=grant.project_id):
        raise NotFound("There is no such grant any more.")
    if grant.role == Role.OWNER:
        if not access.allows(by, Permission.MANAGE_OWNERS):
            raise NotAllowed("An owner's role can be taken away by an owner only.")
        everywhere = grant.project_id is None and grant.environment_id is None
        if everywhere and found.deactivated_at is None and not memberships.other_owners(found).exists():
            raise Conflict(
                "The last owner's role cannot be taken away; make somebody else an owner first.", code="last-owner"
            )
    events.record(
        "member.grant_removed",
        by=by,
        object=memberships.named(found),
        project_id=grant.project_id,
        environment_id=grant.environment_id,
        role=grant.role,
    )
    grant.delete()
