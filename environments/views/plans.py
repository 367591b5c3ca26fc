"""The plan sheet: what would happen, what stands in its way, and the one button that does it.

Looking at a plan writes nothing; the form carries the digest of what was seen, and what is sent is planned anew.
"""

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from environments.delivery import deployments
from environments.models import Deployment, DeploymentKind, Plan
from environments.views.choice import go, page, query
from environments.views.plan_lacks import FIELD, missing
from environments.views.plan_wish import Wish, wish_of
from environments.views.plan_words import sheet
from projects import events
from projects.errors import Conflict, Invalid, Refused, status
from projects.views.signed_in import Visit, is_fragment, signed_in


@require_safe
@signed_in
def draft(request: Visit) -> HttpResponse:
    wish = wish_of(request, request.GET)
    try:
        plan = _look(request, wish)
    except (Invalid, Conflict) as refusal:
        return _shown(request, wish, None, refusal=refusal)
    return _shown(request, wish, plan, confirm=request.GET.get("confirm", "").strip())


def looked_at(
    request: Visit, wish: Wish, *, refusal: Refused | None = None, confirm: str = "", code: int = 200
) -> HttpResponse:
    """The sheet as it stands now, with what was refused just before."""
    try:
        plan: Plan | None = _look(request, wish)
    except (Invalid, Conflict) as closed:
        plan, refusal, code = None, refusal or closed, code if refusal else status(closed)
    return _shown(request, wish, plan, refusal=refusal, confirm=confirm, code=code)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def carry_out(request: Visit) -> HttpResponse:
    if request.method != "POST":  # the address of a form that was answered with a page, entered again
        return go(request, "board")
    wish = wish_of(request, request.POST)
    seen, confirm = request.POST.get("digest", ""), request.POST.get("confirm", "").strip()
    try:
        deployment = _carried_out(request, wish, seen=seen, confirm=confirm or None)
    except (Conflict, Invalid) as refusal:
        return looked_at(request, wish, refusal=refusal, confirm=confirm, code=status(refusal))
    messages.success(request, _done(deployment))
    if is_fragment(request):
        return render(request, "plan/_done.html", {"toasts_swap": True})
    return go(request, "run", deployment.run.pk)


@events.operation
def _carried_out(request: Visit, wish: Wish, *, seen: str, confirm: str | None) -> Deployment:
    """Plan and deployment, or neither of them."""
    return deployments.carry_out(wish.propose(request), by=request.actor, seen=seen, confirm=confirm)


def _look(request: Visit, wish: Wish) -> Plan:
    """The plan as it would be made, without keeping it."""
    with transaction.atomic():
        plan = wish.propose(request)
        transaction.set_rollback(True)
    return plan


def _shown(
    request: Visit,
    wish: Wish,
    plan: Plan | None,
    *,
    refusal: Refused | None = None,
    confirm: str = "",
    code: int = 200,
) -> HttpResponse:
    shown = sheet(request.actor, wish, plan, refusal=refusal)
    for choice in shown["choices"]:
        choice["url"] = reverse("plan-draft") + query(request, **choice["given"])
    context = {
        **shown,
        "confirm": confirm,
        "lacks": _lacks(request, wish, plan) if plan else {},
        "FIELD": FIELD,
        "draft_url": page(request, "plan-draft"),
        "again_url": reverse("plan-draft") + query(request, **wish.given),
        "back_url": page(request, "board"),
    }
    template = "plan/_sheet.html" if is_fragment(request) else "plan.html"
    return render(request, template, context, status=code)


def _lacks(request: Visit, wish: Wish, plan: Plan) -> dict[str, Any]:
    found = missing(plan, by=request.actor)
    return {**found, "wish": {**wish.given, "release": str(plan.release_id or "")}} if found else {}


def _done(deployment: Deployment) -> str:
    app, where = deployment.app.name, deployment.environment.title
    version = deployment.release.version if deployment.release else ""
    return {
        DeploymentKind.DEPLOY: f"{app} {version} is on its way to {where}.",
        DeploymentKind.PROMOTION: f"{app} {version} is on its way to {where}.",
        DeploymentKind.REDEPLOY: f"{app} {version} is being deployed to {where} again.",
        DeploymentKind.ROLLBACK: f"{app} goes back to {version} in {where}.",
        DeploymentKind.REMOVAL: f"{app} is being removed from {where}.",
    }[DeploymentKind(deployment.kind)]
