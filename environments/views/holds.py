"""Placing and lifting a hold from a page."""

import uuid

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_POST

from environments import lifecycle
from environments.delivery import holds
from environments.forms.environments import HoldForm
from environments.views.choice import go
from environments.views.undoing import done
from projects import access, apps, events
from projects.access import Permission
from projects.errors import Conflict, Invalid
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
    form = HoldForm(request.POST if request.method == "POST" else None, auto_id="hold-%s")
    if request.method == "POST" and form.is_valid():
        try:
            with events.noted() as made:
                holds.place(app, environment, by=request.actor, reason=form.cleaned_data["reason"])
        except (Conflict, Invalid) as refused:
            form.refuse(refused)
        else:
            done(request, f"{app.name} is held in {environment.title}: tokens and automation are refused.", made)
            if is_fragment(request):
                return render(request, "plan/_done.html", {"toasts_swap": True})
            return go(request, "environment", environment.id)
    context = {"environment": environment, "app": app, "form": form}
    template = "environment/_hold.html" if is_fragment(request) else "environment/hold.html"
    return render(request, template, context, status=form.status)


@require_POST
@signed_in
def lifting(request: Visit, hold_id: uuid.UUID) -> HttpResponse:
    with events.noted() as made:
        hold = holds.lift(holds.find(request.actor, hold_id), by=request.actor, reason=request.actor.why.reason)
    done(request, "The hold is lifted; tokens and automation may deploy there again.", made)
    return go(request, "environment", hold.slot.environment_id)
