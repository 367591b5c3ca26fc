"""The pages of environments: the list, one environment part by part, and what an operator may do there.

What changes an environment itself is in `managing`.
"""

import uuid
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from environments import lifecycle, undoing, workers
from environments.delivery import restarts
from environments.models import Environment, State
from environments.overview import environment as overview
from environments.overview import environments as overviews
from environments.views.choice import chosen_environment, go, here
from environments.views.fragments import conditional, told_in_place
from environments.views.undoing import done, undoable
from projects import access, apps, events, narration
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
    part = is_fragment(request)  # the list alone, without the counts beside it
    context = overviews.page(request.actor, filters, counted=not part) | {
        "here": here(request),
        "may_operate": access.allows_somewhere(request.actor, Permission.OPERATE),
        "may_manage": access.allows_somewhere(
            request.actor, Permission.MANAGE_ENVIRONMENTS, Permission.CREATE_EPHEMERAL
        ),
        "may_create": access.allows(request.actor, Permission.MANAGE_ENVIRONMENTS),
        "without_project": filters.query(project=""),
        "without_tag": filters.query(tag=""),
    }
    return render(request, "environments/_list.html" if part else "environments/page.html", context)


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
        with events.noted() as made:
            act(found, by=request.actor)
    except Refused as refused:
        refusal, status = told_in_place(request, refused)
    else:
        if undoing.offered(made):
            done(request, narration.sentence(made[0]), made)
    return _answer(request, found.id, "head", refusal=refusal, status=status)


@require_POST
@signed_in
def restart(request: Visit, environment_id: uuid.UUID) -> HttpResponse:
    found = _find(request, environment_id)
    refusal, status = "", 200
    try:
        which, _, service = request.POST.get("which", "").partition(":")
        app = apps.find(request.actor, which)
        by = request.actor
        restarts.restart(by=by, environment=found, app=app, service=service, reason=by.why.reason)
    except Refused as refused:
        refusal, status = told_in_place(request, refused)
    else:
        messages.success(request, f"{app.name} / {service} is being restarted in {found.title}.")
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


def _page(request: Visit, found: Environment) -> dict[str, Any]:
    context = overview.page(found, request.actor, log=_chosen_log(request)) | _offers(request, found)
    return context | {"undoable": undoable(request, context)}


def _offers(request: Visit, found: Environment) -> dict[str, bool]:
    may = lifecycle.can_manage(found, by=request.actor) and found.state != State.TERMINATING
    return {"may_edit": may, "may_delete": may and not found.is_default}


def _find(request: Visit, environment_id: uuid.UUID) -> Environment:
    return lifecycle.find(request.actor, environment_id, terminating=True)


def _part(request: Visit, found: Environment, part: str, *, refusal: str = "", status: int = 200) -> HttpResponse:
    context = overview.part(part, found, request.actor, log=_chosen_log(request))
    context |= {"environment": found, "refusal": refusal}
    if part == "activity":
        context["undoable"] = undoable(request, context)
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
    response = _part(request, _find(request, environment_id), part, refusal=refusal, status=status)
    response.write(render_to_string("_toasts.html", {"toasts_swap": True}, request))
    return response
