"""The page that compares two releases of an app, and the way there from a list in which they are chosen."""

import uuid
from typing import Any

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_safe

from environments.forms.form import sentence
from environments.overview import compared
from environments.views import plan_words
from environments.views.choice import chosen_environment, here, query
from environments.views.fragments import conditional
from projects import apps, releases
from projects.errors import Invalid, NotFound, Refused, status
from projects.views.signed_in import Visit, is_fragment, signed_in


@require_safe
@signed_in
@conditional
def comparison(request: Visit, app_id: uuid.UUID) -> HttpResponse:
    """`from` and `to` name releases by version, number or id; `lines=all` shows also what is alike."""
    app = apps.find(request.actor, app_id)
    given = {name: request.GET.get(name, "") for name in ("from", "to")}
    context: dict[str, Any] = {"app": app, "given": given, "here": here(request)}
    context |= {"before": None, "after": None}
    number = 200
    try:
        before, after = compared.pair(app, by=request.actor, before=given["from"], after=given["to"])
    except NotFound:
        raise
    except Refused as refused:
        context["refusal"] = sentence(refused)
        # Where nobody has chosen yet, nothing was chosen wrongly.
        number = status(refused) if any(given.values()) else 200
    else:
        context |= compared.page(
            app, request.actor, before, after, whole=request.GET.get("lines") == "all", query=query(request)
        )
        context["changes"] = [plan_words.change(one) for one in context["between"]]
    if is_fragment(request) and number == 200:
        return render(request, "comparison/_body.html", context)
    context["offered"] = compared.offered(app, context["before"], context["after"])
    return render(request, "comparison/page.html", context, status=number)


@require_safe
@signed_in
def chosen(request: Visit) -> HttpResponse:
    """From a list in which one or two releases were ticked; one is compared with the one before it."""
    idents = list(dict.fromkeys(request.GET.getlist("release")))
    if not 0 < len(idents) < 3:
        raise Invalid(f"{len(idents) or 'No'} releases are chosen; go back and choose two of one app.")
    found = sorted((releases.find(request.actor, ident) for ident in idents), key=lambda one: one.serial)
    app = found[0].app
    if found[-1].app != app:
        raise Invalid(
            f"{app.name} and {found[-1].app.name} are different apps; go back and choose two releases of one."
        )
    named = {"from": found[0].version, "to": found[1].version} if len(found) == 2 else {"to": found[0].version}
    environment = chosen_environment(request)
    named["environment"] = environment.name if environment else ""
    return HttpResponseRedirect(compared.address(app, **named))
