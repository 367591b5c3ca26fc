"""Placing and lifting a hold from a page."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_POST

from environments import lifecycle
from environments.delivery import holds
from environments.views.choice import go
from projects import access, apps
from projects.access import Permission
from projects.errors import Invalid, Refused
from projects.views.signed_in import Visit, is_fragment, signed_in


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def placing(request: Visit, environment_id: uuid.UUID) -> HttpResponse:
    """A sheet that asks why, and the hold that comes of it."""
    environment = lifecycle.find(request.actor, str(environment_id))
    given = request.POST if request.method == "POST" else request.GET
    app = apps.find(request.actor, given.get("app", ""))
    access.require(
        request.actor,
        Permission.DEPLOY,
        project_id=app.project_id,
        environment_id=environment.id,
        protected=environment.protected,
    )
    refusal, status = "", 200
    if request.method == "POST":
        try:
            holds.place(app, environment, by=request.actor, reason=_reason(request))
        except Refused as refused:
            refusal, status = refused.detail, 422 if isinstance(refused, Invalid) else 409
        else:
            messages.success(request, f"{app.name} is held in {environment.title}: tokens and automation are refused.")
            if is_fragment(request):
                return render(request, "plan/_done.html", {"toasts_swap": True})
            return go(request, "environment", environment.id)
    context = {"environment": environment, "app": app, "refusal": refusal, "reason": given.get("reason", "")}
    template = "environment/_hold.html" if is_fragment(request) else "environment/hold.html"
    return render(request, template, context, status=status)


def _reason(request: Visit) -> str:
    reason = request.POST.get("reason", "").strip()
    if not reason:
        raise Invalid("Say why, for whoever wonders later.")
    return reason


@require_POST
@signed_in
def lifting(request: Visit, hold_id: uuid.UUID) -> HttpResponse:
    hold = holds.lift(holds.find(request.actor, hold_id), by=request.actor, reason=request.POST.get("reason", ""))
    messages.success(request, "The hold is lifted; tokens and automation may deploy there again.")
    return go(request, "environment", hold.slot.environment_id)
