"""Making organizations, and which ones an actor sees."""

import uuid

from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet

from projects import access, events, names
from projects.access import Actor
from projects.errors import Conflict, Invalid, NotFound
from projects.models import Grant, Membership, Organization, Role, User


class NameTaken(Conflict):
    code = "name-taken"


@events.operation
def create(*, name: str, owner: User) -> Organization:
    """A new organization with one owner; the upper floor gives it its first environment in the same operation."""
    name = name.strip()
    if not 2 <= len(name) <= 100:
        raise Invalid.field("name", "give a name of 2 to 100 characters")
    try:
        with transaction.atomic():
            organization = Organization.objects.create(name=name)
    except IntegrityError:
        raise NameTaken("This organization's name is taken; choose another.") from None
    membership = Membership.objects.create(organization=organization, user=owner)
    Grant.objects.create(membership=membership, role=Role.OWNER)
    actor = access.of_user(owner, organization)
    events.record(
        "organization.created",
        by=actor,
        object={"kind": "organization", "id": organization.id, "name": organization.name},
    )
    return organization


def visible(actor: Actor) -> QuerySet[Organization]:
    """A person sees their own, a token only the one it was made in."""
    own = Organization.objects.filter(pk=actor.organization.pk)
    if actor.is_person and actor.user:
        own = Organization.objects.filter(memberships__user=actor.user, memberships__deactivated_at=None)
    return own.order_by("created_at", "id")


def find(actor: Actor, ident: str | uuid.UUID) -> Organization:
    """The organization with this id or name."""
    try:
        found = visible(actor).filter(pk=uuid.UUID(str(ident))).first()
    except ValueError:
        found = visible(actor).filter(names.same("name", str(ident))).first()
    if found is None:
        raise NotFound("There is no such organization.")
    return found


def begin_new_epoch() -> int:
    """After a restore the logs tell another story under numbers that were told before, so every place in them ends."""
    return Organization.objects.update(event_epoch=F("event_epoch") + 1)
