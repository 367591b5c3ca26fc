"""Who is asking: people by password and session, scripts by access token."""

import secrets
import uuid
from typing import Any, cast

from django.contrib.auth import authenticate, login
from django.contrib.auth.backends import ModelBackend
from django.core.signing import BadSignature, TimestampSigner
from django.db import connection
from django.db.models.functions import Now
from django.http import HttpRequest
from django.utils import timezone

from projects import access, batches, correlation, limits, rights, rows
from projects.access import Actor
from projects.credentials import digest
from projects.errors import NotFound, Refused
from projects.models import AccessToken, Organization, User, UserSession
from projects.rights import Grant
from projects.session_store import ADDRESS, AGENT, ORGANIZATION, SINCE, SessionStore

# Failures in a window. Together name and address tell one guesser; each alone is bounded loosely, so that neither a
# stranger can lock somebody out quickly nor one of many behind a proxy all the others. A browser in which somebody has
# signed in before is bounded by itself: whoever goes on guessing keeps its person out of others only. Those of one
# person are bounded together, too: who has known the password may have gathered many.
SIGN_INS, OF_ONE_NAME, OF_ONE_ADDRESS = 10, 50, 200
BEARERS = 60
WINDOW = 300
DEVICE = 31_536_000
_ACTOR = "_towpath_actor"
# Written by hand, because every page begins with it: composing this join costs six times as much as running it.
_MEMBERSHIPS = f"""
SELECT o.id, o.name, o.event_epoch, o.created_at, g.role, g.project_id, g.environment_id,
  CASE WHEN g.project_id IS NULL AND g.role IS NOT NULL AND (g.role <> 'owner' OR g.environment_id IS NOT NULL)
    THEN {rights.PRIVATE} END
FROM projects_membership m JOIN projects_organization o ON o.id = m.organization_id
LEFT JOIN projects_grant g ON g.membership_id = m.id
WHERE m.user_id = %s AND m.deactivated_at IS NULL ORDER BY m.created_at, m.id, g.id
"""
# The same for a token: itself, its organization and its maker, who must still be a member there, with each grant. As
# much of each as rights and events need: no hash of a password, and no time, one of which costs as much as ten others.
_TOKEN_PARTS = {
    AccessToken: [
        *("id", "organization_id", "owner_id", "made_by_id", "digest"),
        *("name", "role", "project_ids", "environment_ids"),
    ],
    Organization: ["id", "name", "event_epoch"],
    User: ["id", "username", "is_superuser", "is_staff", "is_active"],
}
_TOKEN_FIELDS = [
    (model, [field.attname for field in model._meta.concrete_fields if field.attname in names])
    for model, names in _TOKEN_PARTS.items()
]
_TOKEN_COLUMNS = ", ".join(
    f"{row}.{name}" for row, (_, names) in zip("tou", _TOKEN_FIELDS, strict=True) for name in names
)
_TOKEN = f"""
SELECT {_TOKEN_COLUMNS}, t.last_used_at > statement_timestamp() - interval '1 minute', {rights.GRANT}
FROM {AccessToken._meta.db_table} t
JOIN projects_organization o ON o.id = t.organization_id
JOIN projects_user u ON u.id = t.owner_id AND u.is_active
JOIN projects_membership m ON m.user_id = u.id AND m.organization_id = o.id AND m.deactivated_at IS NULL
LEFT JOIN projects_grant g ON g.membership_id = m.id
WHERE t.digest = %s AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > statement_timestamp())
ORDER BY g.id
"""
_ORGANIZATIONS = "_towpath_organizations"
_PERSON = rows.lookup(User, "id = %s")
_devices = TimestampSigner(salt="projects.authentication.device")


class NotAuthenticated(Refused):
    """Nobody is signed in, or the credential is unknown, expired or revoked."""

    code = "not-authenticated"
    title = "Not signed in"
    http_status = 401


class People(ModelBackend):
    """Django's own, which asks for the person behind a session at every page."""

    def get_user(self, user_id: uuid.UUID) -> User | None:
        user = _PERSON(user_id)
        return user if user is not None and self.user_can_authenticate(user) else None


def sign_in(*, username: str, password: str, address: str, device: str = "") -> User:
    """The person with this name and password. Failures are counted per name, per address and for both together.

    From a browser that is known by `device` (what `known_by` gave it) they are counted for that browser, and for all
    browsers that are known for this name.
    """
    who = _called(username)
    bounds = {
        f"sign-in:{who}:{address}": SIGN_INS,
        f"sign-in:name:{who}": OF_ONE_NAME,
        f"sign-in:address:{address}": OF_ONE_ADDRESS,
    }
    if _is_known(device, who):
        bounds = {f"sign-in:device:{digest(device)}": SIGN_INS, f"sign-in:devices:{who}": OF_ONE_NAME}
    for name, most in bounds.items():
        limits.check(name, most=most, seconds=WINDOW)
    user = authenticate(username=username, password=password)
    if user is None:
        for name in bounds:
            limits.count(name, seconds=WINDOW)
        raise NotAuthenticated("The user name or the password is not right.")
    return user


def known_by(user: User) -> str:
    """What a browser keeps by which it is known for this person's when they sign in again; it opens nothing."""
    return _devices.sign(f"{_called(user.username)}.{secrets.token_urlsafe(12)}")


def _is_known(device: str, who: str) -> bool:
    try:
        return _devices.unsign(device, max_age=DEVICE).partition(".")[0] == who
    except BadSignature:
        return False


def _called(username: str) -> str:
    return digest(username.lower())[:16]


def begin_session(request: HttpRequest, user: User) -> None:
    """Sign this browser in, and note what its person needs to know it by in the list of their sessions."""
    login(request, user)
    request.session[SINCE] = timezone.now().isoformat()
    request.session[AGENT] = request.headers.get("User-Agent", "")[:300]
    request.session[ADDRESS] = request.META.get("REMOTE_ADDR", "")[:64]


def actor_of_request(request: HttpRequest) -> Actor:
    """The person signed in, acting in the organization their session names, else in their first one."""
    known: Actor | None = getattr(request, _ACTOR, None)
    if known is None:
        known = _of_session(request)
        setattr(request, _ACTOR, known)
        correlation.acted_by(known.label)
    return known


def _of_session(request: HttpRequest) -> Actor:
    """One statement: the memberships, their organizations and every grant in them."""
    user = request.user
    if not isinstance(user, User) or not user.is_active:
        raise NotAuthenticated("Sign in to see this page.")
    if isinstance(request.session, SessionStore):
        request.session.touch()
    organizations: dict[uuid.UUID, Organization] = {}
    held: dict[uuid.UUID, list[access.Right]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_MEMBERSHIPS, [user.pk])
        seen = cursor.fetchall()
    for *known, role, project_id, environment_id, private in seen:
        organization = Organization.from_db("default", ["id", "name", "event_epoch", "created_at"], known)
        organizations.setdefault(organization.id, organization)
        given = held.setdefault(organization.id, [])
        if role:
            given.append(rights.of_grant(role, project_id, environment_id, private))
    setattr(request, _ORGANIZATIONS, list(organizations.values()))
    if not organizations:
        raise NotFound("You are not a member of any organization; ask an owner to add you.")
    wanted = request.session.get(ORGANIZATION)
    named = [one for one in organizations.values() if str(one.id) == wanted]
    organization = (named or list(organizations.values()))[0]
    return Actor(f"user:{user.username}", organization, tuple(held[organization.id]), user)


def organizations_of_request(request: HttpRequest) -> list[Organization]:
    """The organizations the person signed in belongs to, oldest membership first; none where nobody is."""
    found: list[Organization] = getattr(request, _ORGANIZATIONS, [])
    return found


def choose_organization(request: HttpRequest, organization: Organization) -> None:
    """From now on this session acts in `organization`; NotFound where the person is not a member."""
    access.of_user(cast(User, request.user), organization)
    request.session[ORGANIZATION] = str(organization.pk)


def forget_sessions() -> int:
    """Delete the sessions that have ended by themselves; nobody who comes back with one would be let in."""
    return batches.forget(UserSession.objects.filter(expire_date__lt=Now()))


def actor_of_bearer(header: str, *, address: str = "") -> Actor:
    """The actor behind `Authorization: Bearer <token>` or `UserKey <token>`, with its maker's present rights."""
    scheme, _, credential = header.strip().partition(" ")
    credential = credential.strip()
    if scheme.lower() not in {"bearer", "userkey"} or not credential:
        raise NotAuthenticated("Send an access token: Authorization: Bearer <token>.")
    found = digest(credential)
    token, grants, in_use = _token(found)
    if token is None or not secrets.compare_digest(token.digest, found):
        if address:
            # Nobody guesses 256 bits; this bounds the noise, and never keeps out a token that is right.
            limits.check(f"bearer:{address}", most=BEARERS, seconds=WINDOW)
            limits.count(f"bearer:{address}", seconds=WINDOW)
        raise NotAuthenticated("This access token is unknown, expired or revoked.")
    if not in_use:
        # Once a minute is enough to see whether a token is in use, and spares a write per request.
        AccessToken.objects.filter(pk=token.pk).update(last_used_at=Now())
    actor = access.of_token(token, grants)
    correlation.acted_by(actor.label)
    return actor


def _token(found: str) -> tuple[AccessToken | None, list[Grant], bool]:
    """One statement: the token with its organization and maker, every grant that its maker has there, and whether it
    was used within a minute."""
    with rows.planned() as database, database.cursor() as cursor:
        cursor.execute(_TOKEN, [found])
        seen = cursor.fetchall()
    if not seen:
        return None, [], False
    parts: list[Any] = []
    row = seen[0]
    for model, fields in _TOKEN_FIELDS:
        parts.append(model.from_db(database.alias, fields, row[: len(fields)]))
        row = row[len(fields) :]
    token: AccessToken = parts[0]
    token.organization, token.owner = parts[1:]
    grants: list[Grant] = [one[-4:] for one in seen]
    return token, [grant for grant in grants if grant[0]], bool(row[0])
