"""Access tokens for scripts and CI: making and revoking them."""

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from django.db import IntegrityError, connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from projects import access, events, limits, names, scopes
from projects.access import RANK, Actor, Permission, Right
from projects.credentials import Secret, digest, new_token
from projects.errors import Conflict, Invalid, NotAllowed, NotFound
from projects.memberships import known_role
from projects.models import AccessToken, Project, Role

TOKENS, AN_HOUR = 100, 3600
LONGEST = timedelta(days=100 * 365)
_FAMILY = """
WITH RECURSIVE family AS (
    SELECT id FROM projects_accesstoken WHERE id = %s
    UNION
    SELECT made.id FROM projects_accesstoken AS made JOIN family ON made.made_by_id = family.id
) SELECT id FROM family
"""


class NameTaken(Conflict):
    code = "name-taken"


@events.operation
def create(
    *,
    by: Actor,
    name: str,
    role: str,
    project_ids: Iterable[uuid.UUID] = (),
    environment_ids: Iterable[uuid.UUID] = (),
    expires_at: datetime | None = None,
) -> tuple[AccessToken, Secret]:
    """A token with at most its maker's rights. The secret is returned once and never again."""
    access.require(by, Permission.MANAGE_TOKENS)
    if by.user is None:
        raise NotAllowed("Only a person, or a token of theirs, can make an access token.")
    given = known_role(role)
    name = name.strip()
    if not 1 <= len(name) <= 100:
        raise Invalid.field("name", "give a name of 1 to 100 characters")
    maker = _maker(by)
    expires_at = _end(expires_at, maker)
    projects, environments = frozenset(project_ids), frozenset(environment_ids)
    # What the maker does not see is told like what is not there, and before what they may do with it.
    known = Project.objects.filter(scopes.within(by, project="pk"), organization=by.organization, pk__in=projects)
    if projects - set(known.values_list("pk", flat=True)):
        raise NotFound("There is no such project.")
    if not _within(by, given, projects, environments):
        raise NotAllowed("A token cannot have more rights than its maker; choose a lower role or fewer places.")
    limits.spend(f"tokens:{by.user.pk}", most=TOKENS, seconds=AN_HOUR)
    secret = new_token("tpa")
    try:
        with transaction.atomic():
            token = AccessToken.objects.create(
                organization=by.organization,
                owner=by.user,
                made_by=maker,
                name=name,
                role=given,
                # A token's own token keeps its limits too: they are part of `_within` above.
                project_ids=sorted(projects),
                environment_ids=sorted(environments),
                digest=digest(secret.reveal()),
                hint=secret.reveal()[:8],
                expires_at=expires_at,
            )
    except IntegrityError:
        raise NameTaken("A token of this name exists already; choose another or revoke it first.") from None
    events.record(
        "token.created", by=by, object={"kind": "token", "id": token.id, "name": token.name}, role=given.value
    )
    return token, secret


def _maker(by: Actor) -> AccessToken | None:
    """The token that acts, held until the operation ends: what it makes as it is revoked would not end with it."""
    if by.token is None:
        return None
    found = AccessToken.objects.select_for_update(no_key=True).filter(pk=by.token.pk, revoked_at=None).first()
    if found is None:
        raise NotAllowed("The token that asks was revoked; it makes no other.")
    return found


def _end(expires_at: datetime | None, maker: AccessToken | None) -> datetime | None:
    """When it ends: in the time that can be told, and never after the token that makes it."""
    if expires_at is not None and not timezone.now() < expires_at < timezone.now() + LONGEST:
        raise Invalid.field("expires_at", f"must lie in the future, at most {LONGEST.days // 365} years from now")
    last = maker.expires_at if maker else None
    if expires_at is None:
        return last
    if last and expires_at > last:
        raise Invalid.field(
            "expires_at", f"must be {last.isoformat()} or earlier, as the token that makes it ends then"
        )
    return expires_at.astimezone(UTC)


def _within(by: Actor, role: Role, projects: frozenset[uuid.UUID], environments: frozenset[uuid.UUID]) -> bool:
    """Whether one right of the maker covers all that the token would have."""

    def covers(right: Right) -> bool:
        return (
            RANK[right.role] >= RANK[role]
            and (all(one in right.those for one in projects) and (right.projects is None or bool(projects)))
            and (right.environments is None or (bool(environments) and environments <= right.environments))
        )

    return any(covers(right) for right in by.rights)


@events.operation
def revoke(token: AccessToken, *, by: Actor) -> None:
    """End a token now, and what was made with it, however many and through however many hands; names become free.

    Everybody may end their own, whatever else they may do now.
    """
    access.require_own(by, token.organization_id)
    if not (by.is_person and by.user is not None and token.owner_id == by.user.pk):
        access.require(by, Permission.MANAGE_TOKENS)
        if RANK[Role(token.role)] >= RANK[Role.OWNER]:
            access.require(by, Permission.MANAGE_OWNERS)
    if not AccessToken.objects.select_for_update(no_key=True).filter(pk=token.pk, revoked_at=None).exists():
        return
    ended = AccessToken.objects.filter(pk__in=_family(token), revoked_at=None).update(revoked_at=timezone.now())
    named = {"kind": "token", "id": token.id, "name": token.name}
    events.record("token.revoked", by=by, object=named, also=ended - 1)


def _family(token: AccessToken) -> set[uuid.UUID]:
    """The token and all that come of it, each held: who makes a token holds their own, so none is added any more."""
    held: set[uuid.UUID] = set()
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_FAMILY, [token.pk])
            found = {one for (one,) in cursor.fetchall()}
        if found <= held:
            return found
        # Makers before what they made, so that two who end parts of one family wait for each other in one order.
        rows = AccessToken.objects.select_for_update(no_key=True).filter(pk__in=found).order_by("created_at", "id")
        held = set(rows.values_list("pk", flat=True))


def visible(actor: Actor) -> QuerySet[AccessToken]:
    """Tokens that work or have worked, oldest first, without what is revoked.

    One that is limited to projects or environments is seen by who sees one of them.
    """
    found = AccessToken.objects.filter(organization=actor.organization, revoked_at=None)
    those, places = actor.visible_projects, actor.visible_environments
    if those.only is not None:
        found = found.filter(Q(project_ids=[]) | Q(project_ids__overlap=list(those.only)))
    elif those.without:
        found = found.filter(Q(project_ids=[]) | ~Q(project_ids__contained_by=list(those.without)))
    if places is not None:
        found = found.filter(Q(environment_ids=[]) | Q(environment_ids__overlap=list(places)))
    return found.select_related("owner").order_by("created_at", "id")


def find(actor: Actor, ident: str | uuid.UUID) -> AccessToken:
    """The token with this id or name."""
    try:
        found = visible(actor).filter(pk=uuid.UUID(str(ident))).first()
    except ValueError:
        found = visible(actor).filter(names.same("name", str(ident))).first()
    if found is None:
        raise NotFound("There is no such token.")
    return found
