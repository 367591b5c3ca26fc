"""The pages of members, invitations and access tokens, each in a constant number of statements."""

import uuid
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet
from django.utils import timezone

from environments.overview import rights
from projects import access, invitations, marks, memberships, tokens
from projects.access import RANK, Actor, Permission
from projects.models import AccessToken, Grant, Membership, Role

PAGE = 50
M = TypeVar("M", bound=Model)


def members_page(actor: Actor, *, cursor: str = "") -> dict[str, Any]:
    """The members, oldest first, each with what they may do, and the open invitations for who may invite."""
    found, after = _page(memberships.visible(actor), cursor)
    waiting = list(invitations.visible(actor)[: 2 * PAGE]) if not cursor else []
    grants = [grant for one in found for grant in one.grants.all()]
    names = rights.of_grants(actor, [*grants, *waiting])
    return {
        "members": [_member(one, actor, names) for one in found],
        "invitations": [{"row": one, "words": rights.of_grant(one, names)} for one in waiting],
        "next": after,
        "first": bool(cursor),
        "may_manage": access.allows(actor, Permission.MANAGE_MEMBERS),
    }


def member_page(membership: Membership, actor: Actor) -> dict[str, Any]:
    """One member; what may be changed is offered only to who may change it."""
    names = rights.of_grants(actor, membership.grants.all())
    shown = _member(membership, actor, names)
    owns = any(grant.role == Role.OWNER for grant in membership.grants.all())
    needed = Permission.MANAGE_OWNERS if owns else Permission.MANAGE_MEMBERS
    return {
        **shown,
        "may_grant": access.allows(actor, Permission.MANAGE_MEMBERS),
        "may_change": access.allows(actor, needed),
        "may_manage_owners": access.allows(actor, Permission.MANAGE_OWNERS),
        "token_count": tokens.visible(actor).filter(owner=membership.user_id).count(),
    }


def _member(membership: Membership, actor: Actor, names: rights.Names) -> dict[str, Any]:
    grants = sorted(membership.grants.all(), key=_widest_first)
    told = [
        {"row": grant, "words": rights.of_grant(grant, names, also=bool(number))} for number, grant in enumerate(grants)
    ]
    return {
        "membership": membership,
        "grants": told,
        "is_you": actor.user is not None and membership.user_id == actor.user.pk,
        "role": Role(grants[0].role).label if grants else "",
    }


def _widest_first(grant: Grant) -> tuple[int, int, str]:
    return -RANK[Role(grant.role)], (grant.project_id is not None) + (grant.environment_id is not None), str(grant.pk)


def tokens_page(actor: Actor, *, cursor: str = "") -> dict[str, Any]:
    """The organization's tokens, oldest first."""
    found, after = _page(tokens.visible(actor), cursor)
    return {
        "tokens": _tokens(found, actor),
        "next": after,
        "first": bool(cursor),
        "now": timezone.now(),
        "may_make": access.allows(actor, Permission.MANAGE_TOKENS),
    }


def own_tokens(actor: Actor) -> list[dict[str, Any]]:
    """One's own in this organization, at most a page of them."""
    return _tokens(list(tokens.visible(actor).filter(owner=actor.user)[:PAGE]), actor)


def _tokens(found: list[AccessToken], actor: Actor) -> list[dict[str, Any]]:
    names = rights.of_tokens(actor, found)
    manages, owns = (access.allows(actor, one) for one in (Permission.MANAGE_TOKENS, Permission.MANAGE_OWNERS))
    return [
        {
            "row": token,
            "words": rights.of_token(token, names),
            "may_revoke": (actor.user is not None and token.owner_id == actor.user.pk)
            or (manages and (owns or token.role != Role.OWNER)),
        }
        for token in found
    ]


def _page(rows: QuerySet[M], cursor: str) -> tuple[list[M], str]:
    """A page and where the next one begins, by creation."""
    rows = rows.order_by("created_at", "pk")
    if cursor:
        at, ident = marks.read(cursor, datetime, uuid.UUID)
        rows = rows.filter(Q(created_at__gte=at), Q(created_at__gt=at) | Q(pk__gt=ident))
    found: list[Any] = list(rows[: PAGE + 1])
    after = marks.write(found[PAGE - 1].created_at, found[PAGE - 1].pk) if len(found) > PAGE else ""
    return found[:PAGE], after
