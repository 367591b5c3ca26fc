"""People's sessions: which they are, ending them, and the passwords that begin them."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils import timezone

from projects import devices, events
from projects.access import Actor
from projects.credentials import digest
from projects.errors import Invalid, NotFound
from projects.models import Membership, User, UserSession

MOST_SHOWN = 50


@dataclass(frozen=True)
class Session:
    """One line of the list; `id` is found again and opens nothing."""

    id: str
    device: str
    address: str
    since: datetime
    last_seen_at: datetime
    current: bool


def of(user: User, *, current: str) -> list[Session]:
    """Those that have not ended, the one in use first, then the ones last seen first; `current` is its key."""
    rows = UserSession.objects.filter(user=user, expire_date__gt=timezone.now()).order_by("-last_seen_at", "pk")
    rows = rows.defer("session_data")
    found = [
        Session(
            id=_public(row.session_key),
            device=devices.words(row.user_agent),
            address=row.address,
            since=row.created_at,
            last_seen_at=row.last_seen_at,
            current=row.session_key == current,
        )
        for row in rows[:MOST_SHOWN]
    ]
    return sorted(found, key=lambda session: not session.current)


@events.operation
def end(ident: str, *, by: Actor) -> None:
    """End one of one's own."""
    assert by.user is not None
    own = UserSession.objects.filter(user=by.user).values_list("pk", flat=True)
    found = next((key for key in own if _public(key) == ident), None)
    if found is None:
        raise NotFound("There is no such session any more.")
    UserSession.objects.filter(pk=found).delete()
    _record(1, by=by)


@events.operation
def end_others(*, by: Actor, current: str) -> int:
    """End all of one's own but the one in use; how many."""
    assert by.user is not None
    ended = end_all(by.user, but=current)
    if ended:
        _record(ended, by=by)
    return ended


def end_all(user: User, *, but: str = "") -> int:
    """End every session of this person, as part of an operation; how many."""
    return UserSession.objects.filter(user=user).exclude(pk=but).delete()[0]


def leave(user: User, organization_id: uuid.UUID) -> None:
    """End those in which they act in this organization; all, where they belong to no other. Part of an operation.

    A session that never chose acts in the organization of the oldest membership.
    """
    places = Membership.objects.filter(user=user, deactivated_at=None).order_by("created_at", "id")
    found = list(places.values_list("organization_id", flat=True))
    own = UserSession.objects.filter(user=user)
    if set(found) - {organization_id}:
        here = Q(organization_id=organization_id)
        own = own.filter(here | Q(organization_id=None) if found[0] == organization_id else here)
    own.delete()


def set_password(user: User, password: str) -> None:
    """Give `user` this password, unsaved; Invalid where it is too easily guessed."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid.field("password", " ".join(error.messages)) from None
    user.set_password(password)


def _public(key: str) -> str:
    return digest(key)[:32]


def _record(count: int, *, by: Actor) -> None:
    assert by.user is not None
    named = {"kind": "user", "id": by.user.pk, "name": by.user.username}
    events.record("session.ended", by=by, object=named, count=count)
