"""Inviting somebody by a link: made by an admin, good once for some days, kept as a digest."""

import uuid
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from projects import access, events, limits, memberships, scopes
from projects.access import RANK, Actor, Permission
from projects.credentials import Secret, digest, new_token
from projects.errors import Conflict, Gone, Invalid, NotFound
from projects.models import Grant, Invitation, Membership, Project, Role, User

VALID = timedelta(days=7)
INVITATIONS, AN_HOUR = 30, 3600
TRIES, WINDOW = 30, 300
DEAD = "This invitation is not valid any more: it was accepted, revoked, or is too old. Ask for another one."


@events.operation
def invite(
    *,
    by: Actor,
    role: str,
    project: Project | None = None,
    environment_id: uuid.UUID | None = None,
    email: str = "",
) -> tuple[Invitation, Secret]:
    """An invitation and the secret of its link, which is returned once and never again."""
    given = memberships.known_role(role)
    access.require(by, Permission.MANAGE_MEMBERS)
    if project is not None:
        access.require_own(by, project.organization_id)
        memberships.check_gives(project, by=by)
    if RANK[given] >= RANK[Role.OWNER]:
        access.require(by, Permission.MANAGE_OWNERS)
    assert by.user is not None
    email = email.strip()
    if email:
        try:
            validate_email(email)
        except ValidationError:
            raise Invalid.field("email", "is not an email address") from None
    limits.spend(f"invite:{by.user.pk}", most=INVITATIONS, seconds=AN_HOUR)
    secret = new_token("tpi")
    made = Invitation.objects.create(
        organization=by.organization,
        invited_by=by.user,
        role=given,
        project=project,
        environment_id=environment_id,
        email=email,
        digest=digest(secret.reveal()),
        expires_at=timezone.now() + VALID,
    )
    _record("invitation.created", made, by=by)
    return made, secret


@events.operation
def revoke(invitation: Invitation, *, by: Actor) -> None:
    """Its link is dead from now on."""
    access.require_own(by, invitation.organization_id)
    access.require(by, Permission.MANAGE_MEMBERS)
    if invitation.role == Role.OWNER:
        access.require(by, Permission.MANAGE_OWNERS)
    found = Invitation.objects.select_for_update(no_key=True).get(pk=invitation.pk)
    if found.accepted_at is not None:
        raise Conflict("It was accepted already; remove the member instead.", code="accepted")
    if found.revoked_at is None:
        found.revoked_at = timezone.now()
        found.save(update_fields=["revoked_at"])
        _record("invitation.revoked", found, by=by)


def visible(actor: Actor) -> QuerySet[Invitation]:
    """Those that are open, oldest first, for who may invite; for others there are none."""
    rows = Invitation.objects.filter(organization=actor.organization, accepted_at=None, revoked_at=None)
    rows = rows.filter(scopes.within(actor, project="project", lacking=True))
    if not access.allows(actor, Permission.MANAGE_MEMBERS):
        rows = rows.none()
    rows = rows.filter(expires_at__gt=timezone.now()).select_related("invited_by", "project")
    return rows.order_by("created_at", "id")


def find(actor: Actor, ident: uuid.UUID) -> Invitation:
    found = visible(actor).filter(pk=ident).first()
    if found is None:
        raise NotFound("There is no such invitation any more.")
    return found


def of_link(secret: str, *, address: str) -> Invitation:
    """The open invitation behind a link; Gone where it is dead. Failures are counted by address."""
    limits.check(f"invitation-link:{address}", most=TRIES, seconds=WINDOW)
    try:
        return _open(secret)
    except Gone:
        limits.count(f"invitation-link:{address}", seconds=WINDOW)
        raise


@events.operation
def accept(secret: str, *, username: str, password: str) -> User:
    """A new person with this name and password becomes a member."""
    invitation = _open(secret, lock=True)
    user = memberships.make_user(username, password)
    if invitation.email:
        user.email = invitation.email
        user.save(update_fields=["email"])
    _join(invitation, user)
    return user


@events.operation
def join(secret: str, *, user: User) -> None:
    """Somebody who is known already becomes a member, or gets one more role where they are one."""
    _join(_open(secret, lock=True), user)


def _open(secret: str, *, lock: bool = False) -> Invitation:
    rows = Invitation.objects.select_related("organization", "project", "invited_by")
    if lock:
        rows = rows.select_for_update(no_key=True, of=("self",))
    found = rows.filter(digest=digest(secret), accepted_at=None, revoked_at=None, expires_at__gt=timezone.now()).first()
    if found is None or not _still_allowed(found):
        raise Gone(DEAD)
    return found


def _still_allowed(invitation: Invitation) -> bool:
    """Whoever has lost the right to invite since gives nothing by what they have sent before."""
    try:
        inviter = access.of_user(invitation.invited_by, invitation.organization)
    except NotFound:
        return False
    needed = Permission.MANAGE_OWNERS if invitation.role == Role.OWNER else Permission.MANAGE_MEMBERS
    return access.allows(inviter, needed)


def _join(invitation: Invitation, user: User) -> None:
    membership, made = Membership.objects.get_or_create(organization=invitation.organization, user=user)
    if membership.deactivated_at is not None:
        raise Conflict("You are deactivated there; ask an admin to activate you again.", code="deactivated")
    if made:
        memberships.revoke_tokens(membership)
    try:
        with transaction.atomic():
            Grant.objects.create(
                membership=membership,
                role=invitation.role,
                project=invitation.project,
                environment_id=invitation.environment_id,
            )
    except IntegrityError:
        raise Conflict("You have this role there already.", code="already-member") from None
    invitation.accepted_at, invitation.accepted_by = timezone.now(), user
    invitation.save(update_fields=["accepted_at", "accepted_by"])
    events.record(
        "member.joined",
        by=access.of_user(user, invitation.organization),
        object=memberships.named(membership),
        project_id=invitation.project_id,
        environment_id=invitation.environment_id,
        subjects=[f"invitation:{invitation.pk}"],
        role=invitation.role,
        invited_by=invitation.invited_by.username,
    )


def _record(kind: str, invitation: Invitation, *, by: Actor) -> None:
    events.record(
        kind,
        by=by,
        object={"kind": "invitation", "id": invitation.id, "name": str(invitation)},
        project_id=invitation.project_id,
        environment_id=invitation.environment_id,
        role=invitation.role,
    )
