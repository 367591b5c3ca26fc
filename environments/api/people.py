"""REST: members, invitations and access tokens."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Query, Router

from environments import lifecycle as environments
from environments.api.schemas.people import (
    InvitationIn,
    InvitationMade,
    InvitationOut,
    MemberIn,
    MemberOut,
    TokenIn,
    TokenMade,
    TokenOut,
)
from projects import access, invitations, lifecycle, memberships, tokens
from projects.access import Actor, Permission
from projects.models import AccessToken, Invitation, Membership
from projects.rest.bodies import actor, created, shown_once
from projects.rest.paging import Paging, page

router = Router(tags=["people"])


def member(membership: Membership) -> dict[str, Any]:
    return {
        "id": membership.id,
        "username": membership.user.username,
        "grants": [
            {"role": grant.role, "project_id": grant.project_id, "environment_id": grant.environment_id}
            for grant in membership.grants.all()
        ],
        "created_at": membership.created_at,
        "deactivated_at": membership.deactivated_at,
    }


def invitation(made: Invitation) -> dict[str, Any]:
    names = ("id", "role", "project_id", "environment_id", "email", "created_at", "expires_at")
    return {**{name: getattr(made, name) for name in names}, "invited_by": made.invited_by.username}


def shape(by: Actor, token: AccessToken) -> dict[str, Any]:
    names = ("id", "name", "role", "hint", "created_at", "expires_at", "last_used_at")
    return {
        **{name: getattr(token, name) for name in names},
        "owner": token.owner.username,
        "project_ids": [each for each in token.project_ids if by.sees(project_id=each)],
        "environment_ids": [each for each in token.environment_ids if by.sees(environment_id=each)],
    }


@router.get("/members", response=list[MemberOut])
def list_members(request: HttpRequest, paging: Query[Paging]) -> list[dict[str, Any]]:
    return [member(row) for row in page(request, memberships.visible(actor(request)), paging)]


@router.post("/members", response={201: MemberOut})
def add_member(request: HttpRequest, response: HttpResponse, body: MemberIn) -> dict[str, Any]:
    by = actor(request)
    access.require(by, Permission.MANAGE_MEMBERS)
    membership = memberships.add(
        by=by,
        username=body.username,
        password=body.password,
        role=body.role,
        project=lifecycle.find(by, body.project_id) if body.project_id else None,
        environment_id=environments.find(by, body.environment_id).id if body.environment_id else None,
    )
    created(response, "members", membership.id)
    return member(memberships.visible(by).get(pk=membership.pk))


@router.get("/members/{id}", response=MemberOut)
def get_member(request: HttpRequest, id: UUID) -> dict[str, Any]:
    return member(memberships.find(actor(request), id))


@router.delete("/members/{id}", response={204: None})
def remove_member(request: HttpRequest, id: UUID) -> None:
    by = actor(request)
    memberships.remove(memberships.find(by, id), by=by)


@router.get("/invitations", response=list[InvitationOut])
def list_invitations(request: HttpRequest, paging: Query[Paging]) -> list[dict[str, Any]]:
    """Those that are open, for who may invite."""
    return [invitation(row) for row in page(request, invitations.visible(actor(request)), paging)]


@router.post("/invitations", response={201: InvitationMade})
def create_invitation(request: HttpRequest, response: HttpResponse, body: InvitationIn) -> dict[str, Any]:
    """The link is in this answer and in no other; whoever asked hands it over. It is good once, for 7 days."""
    by = actor(request)
    access.require(by, Permission.MANAGE_MEMBERS)
    made, secret = invitations.invite(
        by=by,
        role=body.role,
        project=lifecycle.find(by, body.project_id) if body.project_id else None,
        environment_id=environments.find(by, body.environment_id).id if body.environment_id else None,
        email=body.email,
    )
    created(response, "invitations", made.id)
    shown_once(response)
    root = settings.TOWPATH_PUBLIC_URL or request.build_absolute_uri("/").rstrip("/")
    return {**invitation(made), "url": root + reverse("invitation-link", args=[secret.reveal()])}


@router.get("/invitations/{id}", response=InvitationOut)
def get_invitation(request: HttpRequest, id: UUID) -> dict[str, Any]:
    by = actor(request)
    access.require(by, Permission.MANAGE_MEMBERS)
    return invitation(invitations.find(by, id))


@router.delete("/invitations/{id}", response={204: None})
def revoke_invitation(request: HttpRequest, id: UUID) -> None:
    by = actor(request)
    access.require(by, Permission.MANAGE_MEMBERS)
    invitations.revoke(invitations.find(by, id), by=by)


@router.get("/tokens", response=list[TokenOut])
def list_tokens(request: HttpRequest, paging: Query[Paging]) -> list[dict[str, Any]]:
    by = actor(request)
    return [shape(by, row) for row in page(request, tokens.visible(by), paging)]


@router.post("/tokens", response={201: TokenMade})
def create_token(request: HttpRequest, response: HttpResponse, body: TokenIn) -> dict[str, Any]:
    """The token itself is in this answer and in no other."""
    by = actor(request)
    access.require(by, Permission.MANAGE_TOKENS)
    for environment_id in body.environment_ids:
        environments.find(by, environment_id)
    token, secret = tokens.create(by=by, **body.model_dump())
    created(response, "tokens", token.id)
    shown_once(response)
    return {**shape(by, token), "token": secret.reveal()}


@router.get("/tokens/{id}", response=TokenOut)
def get_token(request: HttpRequest, id: UUID) -> dict[str, Any]:
    by = actor(request)
    return shape(by, tokens.find(by, id))


@router.delete("/tokens/{id}", response={204: None})
def revoke_token(request: HttpRequest, id: UUID) -> None:
    by = actor(request)
    tokens.revoke(tokens.find(by, id), by=by)
