"""Setting a password: one's own, or by a link that somebody entitled has made."""

import uuid

from django.contrib.auth.tokens import PasswordResetTokenGenerator

from projects import access, events, limits, memberships, sessions
from projects.access import Actor, Permission
from projects.credentials import Secret
from projects.errors import Gone, Invalid, NotAllowed, NotFound
from projects.models import Grant, Membership, Role, User

LINKS, AN_HOUR = 30, 3600
TRIES, WINDOW = 30, 300
DEAD = "This link is not valid any more: it was used, it is too old, or something has changed. Ask for another one."


class Links(PasswordResetTokenGenerator):
    """Django's links, kept nowhere, which die with the password and also where the person has joined or left.

    Who made one might otherwise sign in as them in an organization that they have joined since. `maker` is the id of
    who it was, in 32 digits, and empty for whoever runs the installation.
    """

    key_salt = "projects.passwords.Links"

    def __init__(self, maker: str) -> None:
        super().__init__()
        self._maker = maker

    def _make_hash_value(self, user: User, timestamp: int) -> str:
        places = Membership.objects.filter(user=user.pk).order_by("organization_id")
        joined = ",".join(str(one) for one in places.values_list("organization_id", flat=True))
        return f"{super()._make_hash_value(user, timestamp)}{joined}{user.is_active}by:{self._maker}"


@events.operation
def make_link(membership: Membership, *, by: Actor) -> Secret:
    """`<user>/<token>`, the end of a link by which this member sets a new password, once."""
    access.require_own(by, membership.organization_id)
    user = User.objects.get(pk=membership.user_id)  # as they are now
    _check_link(user, by=by)
    limits.spend(f"reset:{by.user.pk if by.user else by.label}", most=LINKS, seconds=AN_HOUR)
    events.record("member.reset_link_made", by=by, object=memberships.named(membership))
    return _link(user, maker=by.user.pk.hex if by.user else "")


@events.operation
def make_link_by_console(user: User) -> Secret:
    """The same for whoever runs the installation, wherever the person belongs."""
    _record("member.reset_link_made", user)
    return _link(user, maker="")


def _check_link(user: User, *, by: Actor) -> None:
    """A link is the power to sign in as somebody, wherever they belong and whatever they may do there."""
    access.require(by, Permission.MANAGE_MEMBERS)
    if Grant.objects.filter(membership__user=user, role=Role.OWNER, membership__organization=by.organization).exists():
        access.require(by, Permission.MANAGE_OWNERS)
    elsewhere = Membership.objects.filter(user=user).exclude(organization=by.organization).exists()
    above = (user.is_staff or user.is_superuser) and not (by.user is not None and by.user.is_staff)
    if elsewhere or above or not user.is_active:
        raise NotAllowed(
            f"A link for {user.username} cannot be made here. They can change their password on their account page, "
            "and whoever runs the installation can make a link with manage.py reset_password."
        )


def _link(user: User, *, maker: str) -> Secret:
    token = Links(maker).make_token(user)
    return Secret(f"{user.pk.hex}/{token}-{maker}" if maker else f"{user.pk.hex}/{token}")


def of_link(ident: str, token: str, *, address: str) -> User:
    """Whose password the link sets; Gone where it is dead. Failures are counted by address."""
    limits.check(f"reset-link:{address}", most=TRIES, seconds=WINDOW)
    try:
        return _of(ident, token)
    except Gone:
        limits.count(f"reset-link:{address}", seconds=WINDOW)
        raise


@events.operation
def set_by_link(ident: str, token: str, *, password: str) -> User:
    """Set it and end every session; the link is dead then."""
    user = _of(ident, token, lock=True)
    _set(user, password)
    sessions.end_all(user)
    _record("member.password_set", user)
    return user


def _of(ident: str, token: str, *, lock: bool = False) -> User:
    """Whose link it is that still lives, and whose maker could still make it."""
    user = _known(ident, lock=lock)
    signed, _, maker = token.rpartition("-") if token.count("-") > 1 else (token, "", "")
    if user is None or not Links(maker).check_token(user, signed) or not _still_allowed(user, maker):
        raise Gone(DEAD)
    return user


def _still_allowed(user: User, maker: str) -> bool:
    """Whoever has lost the right to make it since, or may less now than whom it is for, does nothing by it."""
    if not maker:
        return True
    made_by = User.objects.filter(pk=uuid.UUID(hex=maker)).first()
    place = Membership.objects.select_related("organization").filter(user=user).first()
    if made_by is None or place is None:
        return False
    try:
        _check_link(user, by=access.of_user(made_by, place.organization))
    except (NotFound, NotAllowed):
        return False
    return True


@events.operation
def change(*, by: Actor, present: str, password: str, session: str) -> User:
    """One's own, known to whoever knows the present one; all other sessions end. `session` is the key of this one."""
    assert by.user is not None
    name = f"password:{by.user.pk}"
    limits.check(name, most=TRIES, seconds=WINDOW)
    user = User.objects.select_for_update(no_key=True).get(pk=by.user.pk)
    if not user.check_password(present):
        limits.count(name, seconds=WINDOW)
        raise Invalid.field("present", "this is not your present password")
    _set(user, password)
    sessions.end_all(user, but=session)
    events.record("member.password_set", by=by, object={"kind": "user", "id": user.pk, "name": user.username})
    return user


def _set(user: User, password: str) -> None:
    sessions.set_password(user, password)
    user.save(update_fields=["password"])


def _known(ident: str, *, lock: bool = False) -> User | None:
    rows = User.objects.select_for_update(no_key=True) if lock else User.objects.all()
    try:
        return rows.filter(pk=uuid.UUID(hex=ident), is_active=True).first()
    except ValueError:
        return None


def _record(kind: str, user: User) -> None:
    """Told in the person's oldest organization; who belongs to none has no log."""
    places = Membership.objects.select_related("organization").filter(user=user).order_by("created_at", "id")
    if first := places.first():
        named = {"kind": "user", "id": user.pk, "name": user.username}
        events.record(kind, by=access.system(first.organization), object=named)
