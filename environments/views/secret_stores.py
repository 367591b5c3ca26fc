"""The pages of secret stores: which there are, whether they answer, and which secrets lie there."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from environments.configuration import lying, setting
from environments.configuration import stores as room
from environments.forms.secret_stores import KeptForm, StoreForm
from environments.views.choice import go
from environments.views.confirming import confirm
from environments.views.settings import settings_page
from projects import access
from projects.access import Permission
from projects.errors import Refused
from projects.views.signed_in import Visit, signed_in


@require_safe
@signed_in
def stores(request: Visit) -> HttpResponse:
    access.require(request.actor, Permission.MANAGE_STORES)
    return render(request, "secret_stores.html", {"stores": list(room.visible(request.actor))})


@require_safe
@signed_in
def store(request: Visit, store_id: uuid.UUID) -> HttpResponse:
    found = room.find(request.actor, store_id)
    there, more = lying.now_in(found)
    return render(request, "secret_store.html", {"store": found, "secrets": there, "more": more})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def new(request: Visit) -> HttpResponse:
    access.require(request.actor, Permission.MANAGE_STORES)
    form = StoreForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = room.create(by=request.actor, **form.wish())
        except Refused as refused:
            form.refuse(refused)
        else:
            _tell(request, made.name, room.probe(made, by=request.actor))
            return go(request, "secret-store", made.id)
    context: dict[str, Any] = {"form": form, "heading": "New secret store", "button": "Add and probe"}
    context |= {"back": reverse("secret-stores"), "crumbs": [_stores()]}
    return render(request, "form.html", context, status=form.status)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def settings(request: Visit, store_id: uuid.UUID) -> HttpResponse:
    found = room.find(request.actor, store_id)
    form = StoreForm(request.POST or None, store=found)
    return settings_page(
        request,
        form,
        save=lambda seen: room.update(found, by=request.actor, seen=seen, **form.wish()),
        now=lambda: StoreForm(store=room.find(request.actor, store_id)),
        of=found.name,
        place="secret-store",
        ident=found.id,
        above=[_stores()],
    )


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def keep(request: Visit, store_id: uuid.UUID) -> HttpResponse:
    """Set a secret to lie there, in one scope."""
    found = room.find(request.actor, store_id)
    form = KeptForm(request.POST or None, by=request.actor)
    if request.method == "POST" and form.is_valid():
        try:
            made = setting.keep(form.scope, by=request.actor, key=form.cleaned_data["key"], kept=form.kept(found))
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, f"{made.key} lies in {found.name} now.")
            return go(request, "secret-store", found.id)
    back = reverse("secret-store", args=[found.id])
    context: dict[str, Any] = {"form": form, "heading": f"Secret in {found.name}", "button": "Set secret"}
    context |= {"back": back, "crumbs": [_stores(), {"word": found.name, "url": back}]}
    return render(request, "form.html", context, status=form.status)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def deletion(request: Visit, store_id: uuid.UUID) -> HttpResponse:
    found = room.find(request.actor, store_id)
    return confirm(
        request,
        lambda: room.delete(found, by=request.actor),
        heading=f"Delete {found.name}",
        sentence="Its credentials are wiped here; nothing is changed there. It cannot be undone, and is refused while "
        "secrets lie in it.",
        done=f"{found.name} is deleted.",
        to=reverse("secret-stores"),
        back=reverse("secret-store", args=[found.id]),
    )


@require_POST
@signed_in
def probe(request: Visit, store_id: uuid.UUID) -> HttpResponse:
    found = room.find(request.actor, store_id)
    _tell(request, found.name, room.probe(found, by=request.actor))
    return go(request, "secret-store", found.id)


def _tell(request: Visit, name: str, told: room.Probe) -> None:
    if told.code:
        messages.warning(request, told.error)
    else:
        messages.success(request, f"{name} answers.")


def _stores() -> dict[str, str]:
    return {"word": "Secret stores", "url": reverse("secret-stores")}
