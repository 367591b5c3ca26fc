"""One's own account: sessions, password and access tokens."""

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from environments.forms.people import PasswordForm
from environments.overview import people
from environments.views.choice import go
from projects import access, memberships, passwords, sessions
from projects.access import Permission
from projects.errors import Refused
from projects.views.signed_in import Visit, signed_in


@require_safe
@signed_in
def account(request: Visit) -> HttpResponse:
    return _page(request)


def _page(request: Visit, form: PasswordForm | None = None) -> HttpResponse:
    actor = request.actor
    assert actor.user is not None
    mine = memberships.find(actor, actor.user.username)
    context = {
        **people.member_page(mine, actor),
        "sessions": sessions.of(actor.user, current=request.session.session_key or ""),
        "tokens": people.own_tokens(actor),
        "now": timezone.now(),
        "may_make": access.allows(actor, Permission.MANAGE_TOKENS),
        "form": form or PasswordForm(),
    }
    return render(request, "account.html", context, status=422 if form else 200)


@sensitive_post_parameters()
@never_cache
@require_POST
@signed_in
def password(request: Visit) -> HttpResponse:
    form = PasswordForm(request.POST)
    if form.is_valid():
        try:
            user = passwords.change(by=request.actor, session=request.session.session_key or "", **form.cleaned_data)
        except Refused as refused:
            form.refuse(refused)
        else:
            update_session_auth_hash(request, user)
            messages.success(request, "Your password is changed. All your other sessions have ended.")
            return go(request, "account")
    return _page(request, form)


@require_POST
@signed_in
def end(request: Visit, session_id: str) -> HttpResponse:
    sessions.end(session_id, by=request.actor)
    messages.success(request, "The session has ended.")
    return go(request, "account")


@require_POST
@signed_in
def end_others(request: Visit) -> HttpResponse:
    ended = sessions.end_others(by=request.actor, current=request.session.session_key or "")
    messages.success(request, f"{ended} session{'' if ended == 1 else 's'} ended.")
    return go(request, "account")
