"""The pages that take a scope's keys in and away as the text of a `.env` file."""

import re
from typing import Any

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from environments.configuration import drafts, exporting, importing, rights
from environments.configuration.importing import Difference, Wish
from environments.forms.form import sentence
from environments.forms.importing import ImportForm
from environments.resolving.scopes import Scope
from environments.views import scope_picking, undoing
from environments.views.choice import page, query
from projects import events
from projects.access import Actor, Permission, allows_somewhere
from projects.errors import Conflict, Invalid, NotAllowed, NotFound, Refused, status
from projects.views.signed_in import Visit, signed_in


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters()
@signed_in
def take_in(request: Visit) -> HttpResponse:
    """A text is pasted or sent, then its preview is looked at, then it is saved; `edit` begins with what is there."""
    by = request.actor
    given = request.POST if request.method == "POST" else request.GET
    scope = scope_picking.scope(by, given)
    if not allows_somewhere(by, Permission.CONFIGURE):
        raise NotAllowed("Your role does not let you set variables and secrets; ask an admin for a grant.")
    if request.method != "POST":
        return _asked(request, scope, _begun(scope, by, edit="edit" in given))
    rights.check_write(scope, by=by)
    by.why.check()
    if "draft" in given:
        return _go_on(request, scope)
    form = ImportForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            return _previewed(request, scope, form.wish())
        except Invalid as refused:
            form.refuse(refused)
    return _asked(request, scope, form)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def take_away(request: Visit) -> HttpResponse:
    """The file; by POST with the secrets' values, which is an event."""
    by = request.actor
    if request.method == "POST":
        scope = scope_picking.scope(by, request.POST)
        text = exporting.revealed(scope, by=by).reveal()
    else:
        scope = scope_picking.scope(by, request.GET)
        text = exporting.text(scope, by=by)
    response = HttpResponse(text, content_type="text/plain; charset=utf-8")
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", str(scope)).strip("-.") or "configuration"
    response["Content-Disposition"] = f'attachment; filename="{name}.env"'
    response["Cache-Control"] = "no-store"
    return response


def _begun(scope: Scope, by: Actor, *, edit: bool) -> ImportForm:
    if not edit:
        return ImportForm()
    return ImportForm(initial={"text": exporting.editable(scope, by=by), "replace": True})


def _go_on(request: Visit, scope: Scope) -> HttpResponse:
    """From the preview: look again with other choices, or save what was looked at."""
    by, given = request.actor, request.POST
    wish = Wish(
        text=drafts.opened(given["draft"], scope, by=by),
        secrets=frozenset(given.getlist("secret")),
        replace="replace" in given,
    )
    if given.get("act") != "save":
        return _previewed(request, scope, wish)
    try:
        with events.noted() as made:
            saved = importing.save(scope, wish, by=by, seen=given.get("seen", ""))
    except (Conflict, Invalid) as refused:
        return _previewed(request, scope, wish, refused)
    undoing.done(request, f"{_counted(saved)} for {scope}.", made)
    where = {name: value for name, value in scope_picking.named(scope).items() if value}
    return HttpResponseRedirect(page(request, "configuration-import").partition("?")[0] + query(request, **where))


def _previewed(request: Visit, scope: Scope, wish: Wish, refused: Refused | None = None) -> HttpResponse:
    found = importing.preview(scope, wish, by=request.actor)
    context = _around(request, scope) | {
        "found": found,
        "changes": [one for one in found.changes if one.what != "same"],
        "counted": _counted(found, done=False),
        "draft": drafts.sealed(wish.text, scope, by=request.actor),
        "replace": wish.replace,
        "refusal": sentence(refused) if refused else "",
        "asks_again": refused is not None,
    }
    answer = render(request, "configuration_import/preview.html", context, status=status(refused) if refused else 200)
    answer["Cache-Control"] = "no-store"
    return answer


def _asked(request: Visit, scope: Scope, form: ImportForm) -> HttpResponse:
    by = request.actor
    why = _why_not(rights.check_write, scope, by)
    context = _around(request, scope) | {
        "form": form,
        "edit": "edit" in request.GET,
        "why_not": why,
        "why_no_reveal": _why_not(rights.check_reveal, scope, by),
        "holders": scope_picking.holders(by, scope),
        "places": scope_picking.places(by, scope),
    }
    answer = render(request, "configuration_import/page.html", context, status=form.status)
    if form.is_bound:
        answer["Cache-Control"] = "no-store"
    return answer


def _around(request: Visit, scope: Scope) -> dict[str, Any]:
    return {"scope": scope, "named": scope_picking.named(scope)}


def _why_not(check: Any, scope: Scope, by: Actor) -> str:
    try:
        check(scope, by=by)
    except (NotAllowed, NotFound) as refused:
        return refused.detail
    return ""


def _counted(found: Difference, *, done: bool = True) -> str:
    words = {"new": "new", "changed": "changed", "gone": "deleted", "same": "unchanged"}
    parts = [f"{many} {words[what]}" for what, many in found.counts.items() if many and (what != "same" or not done)]
    return f"{'Keys saved: ' if done else ''}{', '.join(parts) or 'nothing to change'}"
