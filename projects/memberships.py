"""Who belongs to an organization: adding people, giving them grants, deactivating and removing them."""

import uuid

from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Prefetch, QuerySet
from django.utils import timezone

from projects import access, events, names, scopes, sessions
from projects.access import RANK, Actor, Permission
from projects.errors import Conflict, Invalid, NotAllowed, NotFound
from projects.models import AccessToken, Event, Grant, Membership, Organization, Project, Role, User, Visibility

MISSING = "There is no such member."


class AlreadyMember(Conflict):
    code = "already-member"


@events.operation
def add(
    *,
    by: Actor,
    username: str,
    password: str = "",
    role: str = Role.VIEWER,
    project: Project | None = None,
    environment_id: uuid.UUID | None = None,
) -> Membership:
    """Make a person with this password and give them a role; a present member gets one more grant.

    Without a password somebody who was a member before comes back, with the password they had.
    """
    given = known_role(role)
    access.require(by, Permission.MANAGE_MEMBERS)
    if project is not None:
        access.require_own(by, project.organization_id)
        check_gives(project, by=by)
    if RANK[given] >= RANK[Role.OWNER]:
        access.require(by, Permission.MANAGE_OWNERS)
    members = Membership.objects.filter(organization=by.organization)
    membership = members.filter(names.same("user__username", username.strip())).first()
    made = membership is None
    if membership is None:
        membership = _join(username, password, by.organization)
    elif password:
        raise AlreadyMember(f"{username} is a member already; leave the password out to give one more role.")
    try:
        with transaction.atomic():
            grant = Grant.objects.create(
                membership=membership, role=given, project=project, environment_id=environment_id
            )
    except IntegrityError:
        raise AlreadyMember(f"{username} has this role there already.") from None
    events.record(
        "member.added" if made else "member.granted",
        by=by,
        object=named(membership),
        project_id=project.id if project else None,
        environment_id=environment_id,
        role=given.value,
        grant_id=str(grant.id),
    )
    return membership


def check_gives(project: Project, *, by: Actor) -> None:
    """Into a private project only those let somebody who see to its members by a right of their own in it."""
    if project.visibility == Visibility.PRIVATE:
        access.require(by, Permission.MANAGE_MEMBERS, project_id=project.id)


def _join(username: str, password: str, organization: Organization) -> Membership:
    known = User.objects.filter(names.same("username", username.strip())).first()
    if known is None:
        return Membership.objects.create(user=make_user(username, password), organization=organization)
    # One sentence whoever it is: that a name is taken is all that may be learnt of another organization's people. And
    # nobody's password is set anew here: who could do that would sign in as them wherever else they belong.
    if password or not _may_return(known, organization):
        raise AlreadyMember(
            "This user name is taken; choose another. Somebody who was a member here comes back without a password: "
            "leave it out, they keep theirs."
        )
    try:
        with transaction.atomic():
            membership = Membership.objects.create(user=known, organization=organization)
    except IntegrityError:
        raise AlreadyMember(f"{username} is being added at this moment; look again.") from None
    # Removing ended what they had made; it does not come back with them.
    revoke_tokens(membership)
    return membership


def _may_return(user: User, organization: Organization) -> bool:
    """Who belongs to nobody, or was removed here; the people of others are not given a role without being asked."""
    if not Membership.objects.filter(user=user).exists():
        return True
    removed = Event.objects.filter(organization_id=organization.pk, kind="member.removed")
    return removed.filter(object__name=user.username).exists()


def make_user(username: str, password: str | None) -> User:
    """A person of a new name, without a password until they set one; Invalid names the field that will not do."""
    username = username.strip()
    try:
        UnicodeUsernameValidator()(username)
    except ValidationError:
        raise Invalid.field("username", "use letters, digits and @ . + - _ only") from None
    if len(username) > 150:
        raise Invalid.field("username", "use at most 150 characters")
    user = User(username=username)
    if password is None:
        user.set_unusable_password()
    else:
        sessions.set_password(user, password)
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError:
        raise AlreadyMember("This user name is taken; choose another.") from None
    return user


def known_role(role: str) -> Role:
    try:
        return Role(role)
    except ValueError:
        raise Invalid.field("role", f"must be one of {', '.join(Role.values)}") from None


@events.operation
def remove(membership: Membership, *, by: Actor) -> None:
    """End a membership; the last owner stays."""
    found = held(membership, by=by)
    check_owner_stays(found, by=by, what="removed")
    tokens = _end_presence(found)
    events.record("member.removed", by=by, object=named(found), tokens=tokens)
    found.delete()


@events.operation
def deactivate(membership: Membership, *, by: Actor) -> None:
    """Nothing is theirs to do here until they are activated again: sessions and tokens end at once, grants are kept."""
    found = held(membership, by=by)
    if found.deactivated_at is not None:
        return
    if by.user is not None and found.user_id == by.user.pk:
        raise Conflict("You cannot deactivate yourself; another admin can.", code="yourself")
    check_owner_stays(found, by=by, what="deactivated")
    tokens = _end_presence(found)
    found.deactivated_at = timezone.now()
    found.save(update_fields=["deactivated_at"])
    events.record("member.deactivated", by=by, object=named(found), tokens=tokens)


@events.operation
def activate(membership: Membership, *, by: Actor) -> None:
    """With the grants they had; tokens do not come back."""
    found = held(membership, by=by)
    if found.deactivated_at is None:
        return
    if Grant.objects.filter(membership=found, role=Role.OWNER).exists():
        access.require(by, Permission.MANAGE_OWNERS)
    revoke_tokens(found)
    found.deactivated_at = None
    found.save(update_fields=["deactivated_at"])
    events.record("member.activated", by=by, object=named(found))


def held(membership: Membership, *, by: Actor) -> Membership:
    """The membership as it is now, behind the organization's lock: who counts owners there sees no other change."""
    access.require_own(by, membership.organization_id)
    access.require(by, Permission.MANAGE_MEMBERS)
    Organization.objects.select_for_update(no_key=True).get(pk=membership.organization_id)
    found = Membership.objects.select_related("user").filter(pk=membership.pk).first()
    if found is None:
        raise NotFound(MISSING)
    return found


def check_owner_stays(membership: Membership, *, by: Actor, what: str) -> None:
    """An owner is for owners to change, and the last one who is active for nobody; behind `held`."""
    if not Grant.objects.filter(membership=membership, role=Role.OWNER).exists():
        return
    if not access.allows(by, Permission.MANAGE_OWNERS):
        raise NotAllowed(f"An owner can be {what} by an owner only.")
    if not other_owners(membership).exists():
        raise Conflict(f"The last owner cannot be {what}; make somebody else an owner first.", code="last-owner")


def other_owners(membership: Membership) -> QuerySet[Grant]:
    """The grants by which somebody else owns the organization."""
    owners = Grant.objects.filter(role=Role.OWNER, project=None, environment_id=None)
    active = owners.filter(membership__deactivated_at=None, membership__user__is_active=True)
    return active.filter(membership__organization=membership.organization_id).exclude(membership=membership)


def named(membership: Membership) -> dict[str, object]:
    """What an event about a member names."""
    return {"kind": "member", "id": membership.id, "name": membership.user.username}


def _end_presence(membership: Membership) -> int:
    """End the sessions that act here and every token of theirs; how many tokens."""
    sessions.leave(membership.user, membership.organization_id)
    return revoke_tokens(membership)


def revoke_tokens(membership: Membership) -> int:
    """End what this person has made here, as part of an operation; how many."""
    left = AccessToken.objects.filter(
        organization=membership.organization_id, owner=membership.user_id, revoked_at=None
    )
    return left.update(revoked_at=timezone.now())


def visible(actor: Actor) -> QuerySet[Membership]:
    """The members of the actor's organization, oldest first, each with the grants over what the actor sees."""
    shown = Grant.objects.filter(
        scopes.rows(actor, project="project", environment="environment_id", lacking=("project", "environment_id"))
    )
    return (
        Membership.objects.filter(organization=actor.organization)
        .select_related("user")
        .prefetch_related(Prefetch("grants", shown))
        .order_by("created_at", "id")
    )


def find(actor: Actor, ident: str | uuid.UUID) -> Membership:
    """The membership with this id or user name."""
    try:
        found = visible(actor).filter(pk=uuid.UUID(str(ident))).first()
    except ValueError:
        found = visible(actor).filter(names.same("user__username", str(ident))).first()
    if found is None:
        raise NotFound(MISSING)
    return found
