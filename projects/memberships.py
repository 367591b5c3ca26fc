"""Who belongs to an organization: adding people and giving them grants."""

import uuid

from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Prefetch, QuerySet
from django.utils import timezone

from projects import access, events, names, scopes
from projects.access import RANK, Actor, Permission
from projects.errors import Conflict, Invalid, NotAllowed, NotFound
from projects.models import AccessToken, Event, Grant, Membership, Organization, Project, Role, User

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
            Grant.objects.create(membership=membership, role=given, project=project, environment_id=environment_id)
    except IntegrityError:
        raise AlreadyMember(f"{username} has this role there already.") from None
    events.record(
        "member.added" if made else "member.granted",
        by=by,
        object={"kind": "member", "id": membership.id, "name": membership.user.username},
        project_id=project.id if project else None,
        environment_id=environment_id,
        role=given.value,
    )
    return membership


def _join(username: str, password: str, organization: Organization) -> Membership:
    known = User.objects.filter(names.same("username", username.strip())).first()
    if known is None:
        return Membership.objects.create(user=_make(username, password), organization=organization)
    # One sentence whoever it is: that a name is taken is all that may be learnt of another organization's people. And
    # nobody's password is set anew here: who could do that would sign in as them wherever else they belong.
    if password or not _may_return(known, organization):
        raise AlreadyMember(
            "This user name is taken; choose another. Somebody who was a member here comes back without a password: "
            "leave it out, they keep theirs."
        )
    # Removing ended what they had made; it does not come back with them.
    left = AccessToken.objects.filter(organization=organization, owner=known, revoked_at=None)
    left.update(revoked_at=timezone.now())
    try:
        with transaction.atomic():
            return Membership.objects.create(user=known, organization=organization)
    except IntegrityError:
        raise AlreadyMember(f"{username} is being added at this moment; look again.") from None


def _may_return(user: User, organization: Organization) -> bool:
    """Who belongs to nobody, or was removed here; the people of others are not given a role without being asked."""
    if not Membership.objects.filter(user=user).exists():
        return True
    removed = Event.objects.filter(organization_id=organization.pk, kind="member.removed")
    return removed.filter(object__name=user.username).exists()


def _make(username: str, password: str) -> User:
    username = username.strip()
    try:
        UnicodeUsernameValidator()(username)
    except ValidationError:
        raise Invalid.field("username", "use letters, digits and @ . + - _ only") from None
    if len(username) > 150:
        raise Invalid.field("username", "use at most 150 characters")
    user = User(username=username)
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid.field("password", " ".join(error.messages)) from None
    user.set_password(password)
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
    access.require_own(by, membership.organization_id)
    access.require(by, Permission.MANAGE_MEMBERS)
    organization = Organization.objects.select_for_update(no_key=True).get(pk=by.organization.pk)
    if not Membership.objects.filter(pk=membership.pk).exists():
        raise NotFound(MISSING)
    # All of them, not those that were found with it.
    roles = set(Grant.objects.filter(membership=membership).values_list("role", flat=True))
    if Role.OWNER in roles:
        if not access.allows(by, Permission.MANAGE_OWNERS):
            raise NotAllowed("Only an owner may remove an owner.")
        owners = Grant.objects.filter(membership__organization=organization, role=Role.OWNER, project=None)
        if not owners.filter(environment_id=None).exclude(membership=membership).exists():
            raise Conflict("The last owner cannot be removed; make somebody else an owner first.", code="last-owner")
    events.record(
        "member.removed",
        by=by,
        object={"kind": "member", "id": membership.id, "name": membership.user.username},
    )
    membership.delete()


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


def of(user: User) -> QuerySet[Organization]:
    """The organizations a person belongs to, oldest first."""
    return Organization.objects.filter(memberships__user=user).order_by("created_at", "id")


def find(actor: Actor, ident: str | uuid.UUID) -> Membership:
    """The membership with this id or user name."""
    try:
        found = visible(actor).filter(pk=uuid.UUID(str(ident))).first()
    except ValueError:
        found = visible(actor).filter(names.same("user__username", str(ident))).first()
    if found is None:
        raise NotFound(MISSING)
    return found
