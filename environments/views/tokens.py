"""The page of access tokens, and making and revoking them there."""

import uuid
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from environments.forms.people import TokenForm
from environments.overview import people
from environments.views.confirming import confirm, shown_once
from projects import access
from projects import tokens as room
from projects.access import Permission
from projects.errors import Refused
from projects.views.signed_in import Visit, signed_in


@require_safe
@signed_in
def tokens(request: Visit) -> HttpResponse:
    return render(request, "tokens.html", people.tokens_page(request.actor, cursor=request.GET.get("cursor", "")))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def new(request: Visit) -> HttpResponse:
    access.require(request.actor, Permission.MANAGE_TOKENS)
    form = TokenForm(request.POST or None, by=request.actor)
    if request.method == "POST" and form.is_valid():
        try:
            made, secret = room.create(by=request.actor, **form.wish())
        except Refused as refused:
            form.refuse(refused)
        else:
            sentence = "Copy it now: it is kept as a digest only, and nobody can show it again."
            return shown_once(
                request, heading=f"Access token {made.name}", sentence=sentence, secret=secret, back=reverse("tokens")
            )
    context: dict[str, Any] = {"form": form, "heading": "New access token", "button": "Create token"}
    context |= {"back": reverse("tokens"), "crumbs": [{"word": "Access tokens", "url": reverse("tokens")}]}
    return render(request, "form.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def revocation(request: Visit, token_id: uuid.UUID) -> HttpResponse:
    found = room.find(request.actor, token_id)
    if request.actor.user is None or found.owner_id != request.actor.user.pk:
        access.require(request.actor, Permission.MANAGE_TOKENS)
    return confirm(
        request,
        lambda: room.revoke(found, by=request.actor),
        heading=f"Revoke {found.name}",
        sentence="Whatever uses it is turned away from now on, and so is what was made with it. It cannot be undone.",
        done=f"{found.name} is revoked.",
        to=reverse("account" if request.GET.get("from") == "account" else "tokens"),
    )
