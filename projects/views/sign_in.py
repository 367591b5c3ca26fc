"""Signing in and out, and the choices kept in cookies: theme and organization."""

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from projects import authentication
from projects.errors import NotFound
from projects.limits import TooMany
from projects.views.addresses import ours
from projects.views.entering import known
from projects.views.signed_in import Visit, signed_in

THEMES = {"light", "dark"}


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    following = _safe(request, request.POST.get("next") or request.GET.get("next"))
    if request.method != "POST":
        if request.user.is_authenticated:
            return redirect(following)
        return render(request, "sign_in.html", {"next": following})
    username = request.POST.get("username", "")
    try:
        user = authentication.sign_in(
            username=username,
            password=request.POST.get("password", ""),
            address=request.META.get("REMOTE_ADDR", ""),
            device=request.COOKIES.get(settings.DEVICE_COOKIE_NAME, ""),
        )
    except (authentication.NotAuthenticated, TooMany) as refusal:
        shown = {"next": following, "username": username, "refusal": refusal.detail}
        if not isinstance(refusal, TooMany):
            return render(request, "sign_in.html", shown, status=422)
        response = render(request, "sign_in.html", shown, status=429)
        response.headers["Retry-After"] = str(refusal.seconds)
        return response
    authentication.begin_session(request, user)
    return known(redirect(following), user)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect("sign-in")


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Without script the switch is a form; the cookie is the same one the script writes."""
    response = redirect(_safe(request, request.POST.get("next")))
    chosen = request.POST.get("theme", "")
    if chosen in THEMES:
        response.set_cookie("theme", chosen, max_age=31536000, samesite="Lax")
    else:
        response.delete_cookie("theme", samesite="Lax")
    return response


@require_POST
@signed_in
def organization_choice(request: Visit) -> HttpResponse:
    asked = request.POST.get("organization", "")
    own = authentication.organizations_of_request(request)
    chosen = next((organization for organization in own if str(organization.pk) == asked), None)
    if chosen is None:
        raise NotFound("There is no such workspace, or you are not a member of it.")
    authentication.choose_organization(request, chosen)
    return redirect("board")


def _safe(request: HttpRequest, address: str | None) -> str:
    return ours(request, address) or "/"
