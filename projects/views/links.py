"""The pages behind links that were handed over: joining an organization, and setting a password."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from projects import authentication, invitations, passwords
from projects.errors import Conflict, Invalid
from projects.models import User
from projects.views.entering import known


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, secret: str) -> HttpResponse:
    """Who is signed in joins by a click, who is new chooses a name and a password."""
    found = invitations.of_link(secret, address=_address(request))
    context = {"invitation": found, "role": found.get_role_display().lower(), "username": ""}
    if request.method != "POST":
        return render(request, "join.html", context)
    user = request.user if isinstance(request.user, User) else None
    username = request.POST.get("username", "")
    try:
        if user is not None:
            invitations.join(secret, user=user)
        else:
            user = invitations.accept(secret, username=username, password=request.POST.get("password", ""))
            authentication.begin_session(request, user)
    except (Invalid, Conflict) as refusal:
        wrong = refusal.errors[0] if refusal.errors else {"message": refusal.detail}
        context |= {"username": username, "refusal": wrong["message"], "field": wrong.get("field", "")}
        return render(request, "join.html", context, status=422)
    authentication.choose_organization(request, found.organization)
    messages.success(request, f"You are a member of {found.organization.name} now.")
    return known(redirect("/"), user)


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def password(request: HttpRequest, ident: str, token: str) -> HttpResponse:
    """Setting it ends every session; one signs in with it then."""
    user = passwords.of_link(ident, token, address=_address(request))
    if request.method != "POST":
        return render(request, "password.html", {"person": user})
    try:
        passwords.set_by_link(ident, token, password=request.POST.get("password", ""))
    except Invalid as refusal:
        return render(request, "password.html", {"person": user, "refusal": refusal.errors[0]["message"]}, status=422)
    messages.success(request, "Your password is set. Sign in with it.")
    return redirect("sign-in")


def _address(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))
