"""The pages of environments: the list, one environment part by part, and what an operator may do there."""

import uuid
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from environments import hosts, lifecycle, workers
from environments.delivery import restarts
from environments.forms.environments import EnvironmentForm
from environments.models import Environment, State
from environments.overview import environment as overview
from environments.overview import environments as overviews
from environments.views.choice import chosen_environment, go, page
from environments.views.fragments import conditional, told_in_place
from projects import access, apps
from projects.access import Permission
from projects.errors import Invalid, NotFound, Refused
from projects.views.signed_in import Visit, is_fragment, signed_in


@require_safe
@signed_in
@conditional
def environments(request: Visit) -> HttpResponse:
    chosen = chosen_environment(request)
    given = request.GET
    filters = overviews.Filters(
        q=given.get("q", "").strip()[:100].replace("\0", ""),
        status=_state(given.get("status", "")),
        project=given.get("project", "")[:50],
        tag=given.get("tag", "")[:50],
        environment=chosen,
        cursor=given.get("cursor", ""),
    )
    context = overviews.page(request.actor, filters) | {
        "here": request.get_full_path(),
        "may_create": access.allows(request.actor, Permission.MANAGE_ENVIRONMENTS),
        "without_project": filters.query(project=""),
        "without_tag": filters.query(tag=""),
    }
    return render(request, "environments/_list.html" if is_fragment(request) else "environments/page.html", context)


def _state(asked: str) -> str:
    if asked and asked not in State.values:
        raise Invalid.field("status", f"Choose one of {', '.join(State.values)}.")
    return asked


@require_safe
@signed_in
def environment(request: Visit, environment_id: uuid.UUID) -> HttpResponse:
    found = _find(request, environment_id)
    return render(request, "environment/page.html", _page(request, found))


@require_safe
@signed_in
@conditional
def part(request: Visit, environment_id: uuid.UUID, part: str) -> HttpResponse:
    """One card of the page, alone."""
    if part not in overview.PARTS:
        raise NotFound("There is no such part of the page.")
    return _part(request, _find(request, environment_id), part)


@require_POST
@signed_in
def wish(request: Visit, environment_id: uuid.UUID) -> HttpResponse:
    """Start, stop or retry: what the environment is wished to be."""
    found = _find(request, environment_id)
    acts = {"active": lifecycle.start, "inactive": lifecycle.stop, "retry": lifecycle.retry}
    act = acts.get(request.POST.get("wanted", ""))
    if act is None:
        raise Invalid.field("wanted", "Choose active, inactive or retry.")
    refusal, status = "", 200
    try:
        act(found, by=request.actor)
    except Refused as refused:
        refusal, status = told_in_place(request, refused)
    return _answer(request, found.id, "head", refusal=refusal, status=status)


@require_POST
@signed_in
def restart(request: Visit, environment_id: uuid.UUID) -> HttpResponse:
    found = _find(request, environment_id)
    refusal, status = "", 200
    try:
        app = apps.find(request.actor, request.POST.get("app", ""))
        restarts.restart(by=request.actor, environment=found, app=app, service=request.POST.get("service", ""))
    except Refused as refused:
        refusal, status = told_in_place(request, refused)
    else:
        messages.success(request, f"{app.name} / {request.POST['service']} is being restarted in {found.title}.")
    return _answer(request, found.id, "resources", refusal=refusal, status=status)


@require_POST
@never_cache
@signed_in
def worker_command(request: Visit, environment_id: uuid.UUID) -> HttpResponse:
    """The command with its token: by a click, recorded, never kept by a cache."""
    found = _find(request, environment_id)
    command = workers.command(found, by=request.actor, server=request.build_absolute_uri("/").rstrip("/"))["command"]
    if is_fragment(request):
        return render(request, "environment/_command.html", {"environment": found, "command": command})
    return render(request, "environment/page.html", _page(request, found) | {"command": command})


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def new(request: Visit) -> HttpResponse:
    access.require(request.actor, Permission.MANAGE_ENVIRONMENTS)
    form = EnvironmentForm(request.POST or None)
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
    return render(request, "form.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def settings(request: Visit, environment_id: uuid.UUID) -> HttpResponse:
    found = _find(request, environment_id)
    lifecycle.check_manage(found, by=request.actor)
    protects = lifecycle.can_protect(found, by=request.actor)
    form = EnvironmentForm(request.POST or None, environment=found, protects=protects)
    changed_meanwhile = False
    if request.method == "POST" and form.is_valid():
        try:
            seen = form.cleaned_data["version"]
            lifecycle.update(found, by=request.actor, seen=seen, **form.fields_of_the_contract())
        except lifecycle.ChangedMeanwhile as refused:
            changed_meanwhile = True
            form.refuse(refused)
            form.compare_with(_find(request, environment_id))
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, "Saved.")
            return go(request, "environment", found.id)
    back = reverse("environment", args=[found.id])
    context = {"form": form, "heading": f"Settings of {found.title}", "button": "Save", "back": back}
    context["crumbs"] = [_environments(), {"word": found.title, "url": back}]
    status = 409 if changed_meanwhile else 422 if form.errors else 200
    return render(request, "form.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def deletion(request: Visit, environment_id: uuid.UUID) -> HttpResponse:
    found = _find(request, environment_id)
    lifecycle.check_manage(found, by=request.actor)
    refusal, status, following = "", 200, _list_without(request, found)
    if request.method == "POST":
        try:
            _confirmed(found, request.POST.get("confirm", ""))
            lifecycle.delete(found, by=request.actor, force=request.POST.get("force") == "true")
        except Refused as refused:
            refusal, status = refused.detail, 422 if isinstance(refused, Invalid) else 409
        else:
            messages.success(request, f"{found.title} is being terminated.")
            return _go(request, following)
    context = {
        "environment": found,
        "refusal": refusal,
        "forced": overview.busy(found) is not None,
        "gone": found.host if found.host and hosts.gone(found.host) else None,
        "releases_live": overview.releases(found, request.actor)["releases_kept"],
    }
    template = "environment/_deletion.html" if is_fragment(request) else "environment/deletion.html"
    return render(request, template, context, status=status)


def _list_without(request: Visit, gone: Environment) -> str:
    """The list; what is gone filters nothing any more."""
    chosen = chosen_environment(request)
    filters = chosen is not None and chosen.pk == gone.pk
    return reverse("environments") + "?environment=" if filters else page(request, "environments")


def _environments() -> dict[str, str]:
    return {"word": "Environments", "url": reverse("environments")}


def _confirmed(environment: Environment, typed: str) -> None:
    if typed.strip() != environment.name:
        raise Invalid.field("confirm", f"Type {environment.name} exactly as it is written.")


def _page(request: Visit, found: Environment) -> dict[str, Any]:
    return overview.page(found, request.actor, log=_chosen_log(request)) | _offers(request, found)


def _offers(request: Visit, found: Environment) -> dict[str, bool]:
    may = lifecycle.can_manage(found, by=request.actor) and found.state != State.TERMINATING
    return {"may_edit": may, "may_delete": may and not found.is_default}


def _find(request: Visit, environment_id: uuid.UUID) -> Environment:
    return lifecycle.find(request.actor, environment_id, terminating=True)


def _part(request: Visit, found: Environment, part: str, *, refusal: str = "", status: int = 200) -> HttpResponse:
    context = overview.part(part, found, request.actor, log=_chosen_log(request))
    context |= {"environment": found, "refusal": refusal}
    if part == "head":
        context |= _offers(request, found)
    response = render(request, f"environment/_{part}.html", context, status=status)
    if part == "logs" and request.htmx and request.GET.get("log"):
        # What is chosen stays in the page's address, so that a reload or a link shows the same.
        response["HX-Replace-Url"] = _with_log(request, reverse("environment", args=[found.id]))
    return response


def _with_log(request: Visit, page: str) -> str:
    asked = parse_qsl(urlsplit(request.htmx.current_url_abs_path or "").query)
    kept = [(name, value) for name, value in asked if name != "log"]
    return f"{page}?{urlencode([*kept, ('log', request.GET['log'])])}"


def _chosen_log(request: Visit) -> tuple[str, str]:
    """The id of an app and the name of a service of it, as they were given."""
    app, _, service = request.GET.get("log", "").partition(":")
    return app, service


def _answer(request: Visit, environment_id: uuid.UUID, part: str, *, refusal: str, status: int) -> HttpResponse:
    if not is_fragment(request):
        return go(request, "environment", environment_id)
    return _part(request, _find(request, environment_id), part, refusal=refusal, status=status)


def _go(request: Visit, url: str) -> HttpResponse:
    if is_fragment(request):
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)
