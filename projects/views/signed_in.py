"""The first thing every page does: who is it, and where do they look?"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from urllib.parse import urlencode

from django.core.exceptions import BadRequest
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from projects import authentication
from projects.access import Actor

ENVIRONMENT_COOKIE = "environment"
P = ParamSpec("P")


class Visit(HttpRequest):
    """A request whose sender is known."""

    actor: Actor
    htmx: HtmxDetails
    live_since: str  # the last event before the page was made
    chosen: Any  # the environment chosen in the header, once the upper floor has looked it up


def signed_in(
    view: Callable[Concatenate[Visit, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """Ask for sign-in, else give the view its `request.actor` and keep the choice of environment in a cookie."""

    @wraps(view)
    def known(request: Any, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return to_sign_in(request)
        if any("\x00" in value for given in (request.GET, request.POST) for value in given.values()):
            raise BadRequest("No text holds a NUL.")
        request.actor = authentication.actor_of_request(request)
        if request.method == "POST":
            # Every form may say why (templates/_why.html); the room judges the words.
            request.actor = request.actor.because(request.POST.get("reason", ""), request.POST.get("link", ""))
        if request.method == "GET" and not is_fragment(request):
            request.live_since = last_event(request.actor)
        response = view(request, *args, **kwargs)
        if "environment" in request.GET and request.method == "GET" and not is_fragment(request):
            _keep(response, request.GET["environment"])
        patch_vary_headers(response, ["Cookie", "HX-Request", "Towpath-Live"])
        if not response.has_header("Cache-Control"):
            response["Cache-Control"] = "private, no-cache"
        return response

    return known


def is_fragment(request: Any) -> bool:
    """Whether a part of a page is wanted: by htmx (a restored history wants it whole) or by a live update."""
    return "Towpath-Live" in request.headers or bool(request.htmx and not request.htmx.history_restore_request)


def last_event(actor: Actor) -> str:
    """`<epoch>-<number>`, from which a page's live updates go on."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT last FROM projects_eventcounter WHERE organization_id = %s", [actor.organization.pk])
        row = cursor.fetchone()
    return f"{actor.organization.event_epoch}-{row[0] if row else 0}"


def to_sign_in(request: Any) -> HttpResponse:
    if is_fragment(request):
        back = request.htmx.current_url_abs_path or reverse("board")
        return HttpResponseClientRedirect(f"{reverse('sign-in')}?{urlencode({'next': back})}")
    back = request.get_full_path() if request.method == "GET" else reverse("board")
    return HttpResponseRedirect(f"{reverse('sign-in')}?{urlencode({'next': back})}")


def _keep(response: HttpResponseBase, environment: str) -> None:
    if response.status_code >= 400 or not isinstance(response, HttpResponse):
        return
    if environment:
        response.set_cookie(ENVIRONMENT_COOKIE, environment[:120], max_age=31536000, httponly=True, samesite="Lax")
    else:
        response.delete_cookie(ENVIRONMENT_COOKIE, samesite="Lax")
