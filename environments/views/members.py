"""The pages of members and invitations."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from environments.forms.people import GrantForm, InvitationForm
from environments.overview import people
from environments.views.choice import go
from environments.views.confirming import confirm, shown_once
from environments.views.undoing import done
from projects import access, events, grants, invitations, mail, memberships, passwords
from projects.access import Permission
from projects.credentials import Secret
from projects.errors import Refused
from projects.models import Membership
from projects.views.signed_in import Visit, signed_in


@require_safe
@signed_in
def members(request: Visit) -> HttpResponse:
    return render(request, "members.html", people.members_page(request.actor, cursor=request.GET.get("cursor", "")))


@require_safe
@signed_in
def member(request: Visit, member_id: uuid.UUID) -> HttpResponse:
    return _page(request, memberships.find(request.actor, member_id))


def _page(request: Visit, found: Membership, form: GrantForm | None = None) -> HttpResponse:
    context = people.member_page(found, request.actor)
    if context["may_grant"]:
        context["form"] = form or GrantForm(by=request.actor)
    return render(request, "member.html", context, status=422 if form else 200)


@require_POST
@signed_in
def give(request: Visit, member_id: uuid.UUID) -> HttpResponse:
    found = memberships.find(request.actor, member_id)
    access.require(request.actor, Permission.MANAGE_MEMBERS)
    form = GrantForm(request.POST, by=request.actor)
    if form.is_valid():
        try:
            with events.noted() as made:
                grants.give(found, by=request.actor, **form.wish())
        except Refused as refused:
            form.refuse(refused)
        else:
            done(request, f"{found.user.username} has one more role.", made)
            return go(request, "member", found.id)
    return _page(request, found, form)


@require_POST
@signed_in
def take_away(request: Visit, member_id: uuid.UUID, grant_id: uuid.UUID) -> HttpResponse:
    found = memberships.find(request.actor, member_id)
    with events.noted() as made:
        grants.take_away(grant_id, found, by=request.actor)
    done(request, f"{found.user.username} has one role less.", made)
    return go(request, "member", found.id)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def deactivation(request: Visit, member_id: uuid.UUID) -> HttpResponse:
    found = memberships.find(request.actor, member_id)
    access.require(request.actor, Permission.MANAGE_MEMBERS)
    return confirm(
        request,
        lambda: memberships.deactivate(found, by=request.actor),
        heading=f"Deactivate {found.user.username}",
        sentence="Their sessions here and their access tokens end at once. Their roles are kept, so that they can be "
        "activated again; tokens do not come back.",
        done=f"{found.user.username} is deactivated.",
        to=reverse("member", args=[found.id]),
    )


@require_POST
@signed_in
def activation(request: Visit, member_id: uuid.UUID) -> HttpResponse:
    found = memberships.find(request.actor, member_id)
    memberships.activate(found, by=request.actor)
    messages.success(request, f"{found.user.username} is active again.")
    return go(request, "member", found.id)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def removal(request: Visit, member_id: uuid.UUID) -> HttpResponse:
    found = memberships.find(request.actor, member_id)
    access.require(request.actor, Permission.MANAGE_MEMBERS)
    return confirm(
        request,
        lambda: memberships.remove(found, by=request.actor),
        heading=f"Remove {found.user.username}",
        sentence=f"They lose their roles in {request.actor.organization.name}; their sessions here and their access "
        "tokens end at once. What they did stays in the log. This cannot be undone: invite them again.",
        done=f"{found.user.username} was removed.",
        to=reverse("members"),
        back=reverse("member", args=[found.id]),
    )


@never_cache
@require_POST
@signed_in
def reset_link(request: Visit, member_id: uuid.UUID) -> HttpResponse:
    found = memberships.find(request.actor, member_id)
    made = passwords.make_link(found, by=request.actor)
    link = _link(request, "password-link", *made.reveal().split("/"))
    name, email = found.user.username, found.user.email
    sent = mail.send(email, "Set a new password", f"By this link, {name} sets a new password, within a day:", link)
    return shown_once(
        request,
        heading=f"A link for {name}",
        sentence=f"By this link {name} sets a new password, once, within a day. {_mailed(sent, email)}",
        secret=link,
        back=reverse("member", args=[found.id]),
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def invite(request: Visit) -> HttpResponse:
    access.require(request.actor, Permission.MANAGE_MEMBERS)
    form = InvitationForm(request.POST or None, by=request.actor, mails=mail.is_set())
    if request.method == "POST" and form.is_valid():
        try:
            made, secret = invitations.invite(by=request.actor, **form.wish())
        except Refused as refused:
            form.refuse(refused)
        else:
            return _invited(request, made.email, secret)
    crumbs = [{"word": "Members", "url": reverse("members")}]
    context: dict[str, Any] = {"form": form, "heading": "Invite a member", "button": "Make an invitation"}
    context |= {"back": reverse("members"), "crumbs": crumbs}
    return render(request, "form.html", context, status=422 if form.errors else 200)


def _invited(request: Visit, email: str, secret: Secret) -> HttpResponse:
    link = _link(request, "invitation-link", secret.reveal())
    name = request.actor.organization.name
    sent = mail.send(email, f"You are invited to {name}", f"By this link you join {name}, within 7 days:", link)
    return shown_once(
        request,
        heading="Invitation",
        sentence=f"Whoever has this link joins {name} with it, once, within 7 days. {_mailed(sent, email)}",
        secret=link,
        back=reverse("members"),
    )


@require_POST
@signed_in
def revocation(request: Visit, invitation_id: uuid.UUID) -> HttpResponse:
    access.require(request.actor, Permission.MANAGE_MEMBERS)
    invitations.revoke(invitations.find(request.actor, invitation_id), by=request.actor)
    messages.success(request, "The invitation is revoked; its link is dead.")
    return go(request, "members")


def _link(request: Visit, name: str, *ends: str) -> Secret:
    """Under the address that is told to others, where there is one."""
    root: str = settings.TOWPATH_PUBLIC_URL or request.build_absolute_uri("/").rstrip("/")
    return Secret(root + reverse(name, args=ends))


def _mailed(sent: bool, email: str) -> str:
    if sent:
        return f"It was mailed to {email}, too."
    return "It could not be mailed; hand it over yourself." if email and mail.is_set() else "Hand it over yourself."
