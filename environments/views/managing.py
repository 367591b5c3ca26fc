"""Creating, changing and deleting environments from pages."""

import uuid

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from environments import hosts, lifecycle
from environments.forms.environments import DeletionForm, EnvironmentForm
from environments.models import Environment
from environments.overview import environment as overview
from environments.views.choice import chosen_environment, go, page
from environments.views.settings import settings_page
from projects import access
from projects.access import Permission
from projects.errors import Conflict, Invalid, Refused
from projects.views.signed_in import Visit, is_fragment, signed_in


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def new(request: Visit) -> HttpResponse:
    access.require(request.actor, Permission.MANAGE_ENVIRONMENTS)
    form = EnvironmentForm(request.POST or None, by=request.actor)
    if request.method == "POST" and form.is_valid():
        try:
            made = lifecycle.create(by=request.actor, **form.fields_of_the_contract())
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, f"{made.title} is being provisioned.")
            return go(request, "environment", made.id)
    context = {
        "form": form,
        "heading": "New environment",
        "button": "Create environment",
        "back": reverse("environments"),
        "crumbs": [_environments()],
    }
    return render(request, "form.html", context, status=form.status)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def settings(request: Visit, environment_id: uuid.UUID) -> HttpResponse:
    found = _find(request, environment_id)
    lifecycle.check_manage(found, by=request.actor)
    protects = lifecycle.can_protect(found, by=request.actor)
    form = EnvironmentForm(request.POST or None, by=request.actor, environment=found, protects=protects)
    return settings_page(
        request,
        form,
        save=lambda seen: lifecycle.update(found, by=request.actor, seen=seen, **form.fields_of_the_contract()),
        now=lambda: EnvironmentForm(by=request.actor, environment=_find(request, environment_id)),
        of=found.title,
        place="environment",
        ident=found.id,
        above=[_environments()],
    )


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def deletion(request: Visit, environment_id: uuid.UUID) -> HttpResponse:
    found = _find(request, environment_id)
    lifecycle.check_manage(found, by=request.actor)
    following = _list_without(request, found)
    gone = found.host if found.host and hosts.gone(found.host) else None
    in_flight = overview.busy(found) is not None
    form = DeletionForm(request.POST or None, environment=found, in_flight=in_flight, gone=gone, auto_id="deletion-%s")
    if request.method == "POST" and form.is_valid():
        try:
            lifecycle.delete(found, by=request.actor, force=form.cleaned_data.get("force", False))
        except (Conflict, Invalid) as refused:
            form.refuse(refused)
        else:
            messages.success(request, f"{found.title} is being terminated.")
            if is_fragment(request):
                return HttpResponse(status=204, headers={"HX-Redirect": following})
            return HttpResponseRedirect(following)
    context = {
        "environment": found,
        "form": form,
        "releases_live": overview.releases(found, request.actor)["releases_kept"],
    }
    template = "environment/_deletion.html" if is_fragment(request) else "environment/deletion.html"
    return render(request, template, context, status=form.status)


def _list_without(request: Visit, gone: Environment) -> str:
    """The list; what is gone filters nothing any more."""
    chosen = chosen_environment(request)
    filters = chosen is not None and chosen.pk == gone.pk
    return reverse("environments") + "?environment=" if filters else page(request, "environments")


def _environments() -> dict[str, str]:
    return {"word": "Environments", "url": reverse("environments")}


def _find(request: Visit, environment_id: uuid.UUID) -> Environment:
    return lifecycle.find(request.actor, environment_id, terminating=True)
