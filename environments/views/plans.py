"""The plan sheet: what would happen, what stands in its way, and the one button that does it.

Looking at a plan writes nothing; the form carries the digest of what was seen, and what is sent is planned anew.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from environments import lifecycle
from environments.delivery import deployments
from environments.models import Deployment, DeploymentKind, Environment, Plan
from environments.planning import plans
from environments.views.board_words import link
from environments.views.plan_words import sheet
from environments.views.shell import query
from projects import apps, releases
from projects.errors import Conflict, Invalid, NotFound, Refused
from projects.models import App, Release
from projects.views.signed_in import Visit, is_fragment, signed_in


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a link or a form asks for."""

    kind: str
    app: App
    environment: Environment
    release: Release | None
    to_deployment: Deployment | None
    bypass: bool
    reason: str
    link: str

    def propose(self, visit: Visit) -> Plan:
        return plans.propose(
            by=visit.actor,
            app=self.app,
            environment=self.environment,
            kind=self.kind or None,
            release=self.release,
            to_deployment=self.to_deployment,
            bypass=self.bypass,
            reason=self.reason,
            link=self.link,
        )

    @property
    def given(self) -> dict[str, str]:
        """The same wish as parameters of a link."""
        return {
            "kind": self.kind,
            "app": str(self.app.id),
            "environment_id": str(self.environment.id),
            "release": str(self.release.id) if self.release else "",
            "to_deployment": str(self.to_deployment.id) if self.to_deployment else "",
            "bypass": "1" if self.bypass else "",
        }


@require_safe
@signed_in
def draft(request: Visit) -> HttpResponse:
    wish = _wish(request, request.GET)
    try:
        plan = _look(request, wish)
    except (Invalid, Conflict) as refusal:
        return _shown(request, wish, None, refusal=refusal)
    return _shown(request, wish, plan)


@require_http_methods(["GET", "POST"])
@signed_in
def carry_out(request: Visit) -> HttpResponse:
    if request.method == "GET":  # the address of a form that was answered with a page, entered again
        return redirect(reverse("board") + query(request))
    wish = _wish(request, request.POST)
    seen, confirm = request.POST.get("digest", ""), request.POST.get("confirm", "").strip()
    try:
        _check_seen(seen, _look(request, wish))
        deployment = deployments.carry_out(wish.propose(request), by=request.actor, confirm=confirm or None)
    except (Conflict, Invalid) as refusal:
        try:
            plan = _look(request, wish)
        except (Conflict, Invalid):
            plan = None
        status = 422 if isinstance(refusal, Invalid) else 409
        return _shown(request, wish, plan, refusal=refusal, confirm=confirm, status=status)
    messages.success(request, _done(deployment))
    if is_fragment(request):
        return render(request, "plan/_done.html", {"toasts_swap": True})
    return redirect((link("run", deployment.run.id) or reverse("board")) + query(request))


def _check_seen(seen: str, plan: Plan) -> None:
    if seen == plan.digest:
        return
    closed = next((gate["sentence"] for gate in plan.gates if not gate["passed"]), "Here it is as it stands now.")
    raise plans.Stale(f"Something has changed since you opened this plan. {closed}")


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
    status: int = 200,
) -> HttpResponse:
    context = {
        **sheet(request.actor, wish, plan, refusal=refusal),
        "confirm": confirm,
        "draft_url": reverse("plan-draft"),
        "again_url": f"{reverse('plan-draft')}?{urlencode(wish.given)}",
        "back_url": reverse("board") + query(request),
    }
    template = "plan/_sheet.html" if is_fragment(request) else "plan.html"
    return render(request, template, context, status=status)


def _wish(request: Visit, given: Any) -> Wish:
    if given.get("kind", "") not in {"", *DeploymentKind.values}:
        raise NotFound("There is no plan of this kind.")
    app = apps.find(request.actor, given.get("app", ""))
    environment = lifecycle.find(request.actor, given.get("environment_id", ""))
    release = given.get("release", "")
    returned = given.get("to_deployment", "")
    return Wish(
        kind=given.get("kind", ""),
        app=app,
        environment=environment,
        release=releases.find(request.actor, release) if release else None,
        to_deployment=deployments.find(request.actor, returned) if returned else None,
        bypass=bool(given.get("bypass")),
        reason=given.get("reason", "").strip(),
        link=given.get("link", "").strip(),
    )


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
