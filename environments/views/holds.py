"""Lifting a hold from a page."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from environments.delivery import holds
from projects.views.signed_in import Visit, signed_in


@require_POST
@signed_in
def lifting(request: Visit, hold_id: uuid.UUID) -> HttpResponse:
    hold = holds.lift(holds.find(request.actor, hold_id), by=request.actor, reason=request.POST.get("reason", ""))
    messages.success(request, "The hold is lifted; tokens and automation may deploy there again.")
    return redirect("environment", hold.slot.environment_id)
