"""Setting a new variable or secret, and changing, deleting and restoring one."""

import uuid
from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from environments.configuration import entries, rights, secrets, variables
from environments.forms.configuration import (
    EntryForm,
    SecretChangeForm,
    SecretForm,
    VariableChangeForm,
    VariableForm,
)
from environments.models import Entry, EntryKind
from environments.resolving.scopes import Scope
from environments.views.choice import chosen_environment, go
from environments.views.configuration.picking import holders, picker
from environments.views.confirming import confirm
from environments.views.settings import settings_page
from environments.views.undoing import done
from projects import access, events
from projects.access import Actor, Permission
from projects.credentials import Secret
from projects.errors import NotAllowed, Refused
from projects.views.signed_in import Visit, is_fragment, signed_in

ROOMS: dict[str, Any] = {EntryKind.VARIABLE: variables, EntryKind.SECRET: secrets}


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@signed_in
def new(request: Visit, kind: str) -> HttpResponse:
    """The form; for a part of the page, where the chosen holder may have values."""
    if request.method != "POST" and not access.allows_somewhere(request.actor, Permission.CONFIGURE):
        raise NotAllowed("Your role does not let you change variables and secrets; ask an admin for a grant.")
    begun = _begun(request)
    if is_fragment(request) and request.method != "POST":
        return render(request, "configuration/_picker.html", {"picker": picker(request.actor, **begun)})
    made = VariableForm if kind == EntryKind.VARIABLE else SecretForm
    initial = {"holder": begun["holder"], "key": request.GET.get("key", "")[:128]}
    form = made(request.POST or None, by=request.actor, initial=initial)
    if request.method == "POST" and form.is_valid():
        scope = form.scope()
        try:
            with events.noted() as noted:
                entry = ROOMS[kind].create(scope, by=request.actor, **form.wish())
        except Refused as refused:
            form.refuse(refused)
        else:
            done(request, f"{entry.key} is set for {scope}.", noted)
            return go(request, "configuration-entry", entry.pk)
    context = {
        "form": form,
        "kind": kind,
        "picker": picker(request.actor, **begun),
        "holders": holders(request.actor, begun["holder"]),
        "heading": f"New {kind}",
        "back": reverse("configuration"),
    }
    return render(request, "configuration/form.html", context, status=form.status)


def _begun(request: Visit) -> dict[str, str]:
    """The scope that the form begins with: what was sent, else what the address names."""
    if request.method == "POST":
        return {"holder": request.POST.get("holder", ""), "place": request.POST.get("place", "")}
    given = request.GET
    named = next((f"{one}:{given[one]}" for one in ("agent", "team", "app", "project") if given.get(one)), "")
    environment = chosen_environment(request)
    place = given.get("place", environment.name if environment else "")
    return {"holder": given.get("holder", named), "place": place}


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@signed_in
def edit(request: Visit, entry_id: uuid.UUID) -> HttpResponse:
    found = entries.find(request.actor, entry_id)
    rights.check_write(entries.scope_of(found), by=request.actor)
    entries.check_by_hand(found)
    if found.deleted_at is not None:
        raise entries.Deleted(f"{found.key} was deleted; restore a version of it first.")
    made: type[EntryForm] = VariableChangeForm if found.kind == EntryKind.VARIABLE else SecretChangeForm
    form = made(request.POST or None, entry=found)
    return settings_page(
        request,
        form,
        save=lambda seen: _save(found, form.cleaned_data, by=request.actor, seen=seen),
        now=lambda: made(entry=entries.find(request.actor, entry_id)),
        of=found.key,
        place="configuration-entry",
        ident=found.pk,
        above=[{"word": "Configuration", "url": reverse("configuration")}],
        heading=f"Change {found.key} of {entries.scope_of(found)}",
    )


@events.operation
def _save(entry: Entry, given: dict[str, Any], *, by: Actor, seen: str) -> None:
    """What is said about it, and its value where there is another one."""
    told = {name: given[name] for name in ("description", "write_only", "rotate_on") if name in given}
    entry = entries.describe(entry, by=by, seen=seen, **told)
    if entry.kind == EntryKind.VARIABLE:
        variables.update(entry, by=by, value=given["value"], type=given["type"], note=given["reason"])
    elif given["value"]:
        secrets.update(entry, by=by, value=Secret(given["value"]), note=given["reason"])


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def deletion(request: Visit, entry_id: uuid.UUID) -> HttpResponse:
    found, scope = _writable(request, entry_id)
    return _confirmed(
        request,
        found,
        lambda: entries.delete(found, by=request.actor, note=request.actor.why.reason),
        heading=f"Delete {found.key}",
        sentence=f"{found.key} of {scope} holds nowhere any more; a weaker scope's value shows through where there is "
        "one. What runs keeps what it was given. Its versions are kept, and any of them can be restored.",
        done=f"{found.key} of {scope} is deleted.",
    )


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def restoration(request: Visit, entry_id: uuid.UUID, number: int) -> HttpResponse:
    found, scope = _writable(request, entry_id)
    entries.version(found, number)
    return _confirmed(
        request,
        found,
        lambda: ROOMS[found.kind].restore(found, number, by=request.actor, note=request.actor.why.reason),
        heading=f"Restore {found.key} v{number}",
        sentence=f"What v{number} said becomes the newest version of {found.key} in {scope}. What runs gets it with "
        "its next deployment.",
        done=f"{found.key} says again what v{number} said.",
    )


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def revocation(request: Visit, entry_id: uuid.UUID, number: int) -> HttpResponse:
    found, _ = _writable(request, entry_id, kind=EntryKind.SECRET)
    return _confirmed(
        request,
        found,
        lambda: secrets.revoke(found, number, by=request.actor),
        heading=f"Revoke {found.key} v{number}",
        sentence=f"{_last(found, number)} No deployment and no rollback uses it ever again. This cannot be undone.",
        done=f"{found.key} v{number} is revoked.",
    )


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def destruction(request: Visit, entry_id: uuid.UUID, number: int) -> HttpResponse:
    found, _ = _writable(request, entry_id, kind=EntryKind.SECRET)
    return _confirmed(
        request,
        found,
        lambda: secrets.revoke(found, number, by=request.actor, destroy=True),
        heading=f"Destroy {found.key} v{number}",
        sentence=f"{_last(found, number)} It is revoked, and what is kept of its value is wiped: nobody can ever "
        "reveal it. This cannot be undone.",
        done=f"{found.key} v{number} is destroyed.",
    )


def _last(entry: Entry, number: int) -> str:
    """What follows for those who use it now."""
    version = entries.version(entry, number)
    if version.pk != entry.current_id:
        return f"{entry.key} has a newer version, which stays."
    return f"This is the version that holds: {entry.key} has no value from now on, until a new one is set."


def _writable(request: Visit, entry_id: uuid.UUID, *, kind: EntryKind | None = None) -> tuple[Entry, Scope]:
    found = entries.find(request.actor, entry_id, kind)
    scope = entries.scope_of(found)
    rights.check_write(scope, by=request.actor)
    entries.check_by_hand(found)
    return found, scope


def _confirmed(request: Visit, found: Entry, act: Callable[[], object], **words: str) -> HttpResponse:
    return confirm(request, act, **words, to=reverse("configuration-entry", args=[found.pk]))
