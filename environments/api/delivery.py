"""REST: plans, deployments, promotions, rollbacks, removals, holds, and restarts of services."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router
from ninja.responses import Status

from environments import lifecycle
from environments.api.runs import shapes as run_shapes
from environments.api.schemas.delivery import (
    DeploymentIn,
    DeploymentOut,
    DeploymentsOut,
    HoldIn,
    HoldOut,
    PlanIn,
    PlanOut,
    PlansOut,
    PromotionIn,
    RemovalIn,
    RestartIn,
    RollbackIn,
)
from environments.api.schemas.runs import PhaseName, RunOut
from environments.delivery import deployments, holds, promotions, removals, restarts, rollbacks
from environments.models import Deployment, Environment, Hold, Plan
from environments.planning import gates, plans
from projects import apps, releases
from projects.access import Actor
from projects.errors import Invalid
from projects.rest.bodies import actor, created
from projects.rest.paging import Paging, page

router = Router(tags=["delivery"])


def plan_shape(plan: Plan, *, to: Actor) -> dict[str, Any]:
    return {
        **{name: getattr(plan, name) for name in PlanOut.model_fields if hasattr(plan, name)},
        "gates": gates.told(plan.gates, by=plan.created_by, to=to),
        "version": plan.release.version if plan.release else "",
        "from_version": plan.from_release.version if plan.from_release else "",
        "to_deployment_id": plan.configuration_from_id or plan.returns_to_id,
    }


def deployment_shape(deployment: Deployment) -> dict[str, Any]:
    run = deployment.run
    return {
        **{name: getattr(deployment, name) for name in DeploymentOut.model_fields if hasattr(deployment, name)},
        "version": deployment.release.version if deployment.release else "",
        "to_deployment_id": deployment.returns_to_id,
        "run_id": run.id,
        "phase": run.phase,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
    }


def hold_shape(hold: Hold) -> dict[str, Any]:
    return {
        "id": hold.id,
        "app_id": hold.slot.app_id,
        "environment_id": hold.slot.environment_id,
        "reason": hold.reason,
        "created_by": hold.created_by,
        "created_at": hold.created_at,
    }


@router.post("/plans", response={201: PlanOut})
def create_plan(request: HttpRequest, response: HttpResponse, body: PlanIn) -> Status[dict[str, Any]]:
    """What would happen and what stands in its way; nothing happens yet. A plan lives an hour."""
    by = actor(request)
    environment = lifecycle.find(by, body.environment_id)
    _check_given(body.confirm, environment)
    plan = plans.propose(by=by, environment=environment, kind=body.kind, **_wish(by, body))
    created(response, "plans", plan.id)
    return Status(201, plan_shape(plan, to=by))


@router.get("/plans/{id}", response=PlanOut)
def get_plan(request: HttpRequest, id: UUID) -> dict[str, Any]:
    by = actor(request)
    return plan_shape(plans.find(by, id), to=by)


@router.post("/deployments", response={201: DeploymentOut})
def create_deployment(request: HttpRequest, response: HttpResponse, body: DeploymentIn) -> Status[dict[str, Any]]:
    """Carry a plan out; 409 with the gates when it is blocked or no longer what it was."""
    by = actor(request)
    plan = plans.find(by, body.plan_id)
    deployment = deployments.carry_out(plan, by=by, confirm=body.confirm, reason=body.reason, link=body.link)
    return _made(response, deployment)


@router.get("/deployments", response=list[DeploymentOut])
def list_deployments(
    request: HttpRequest,
    paging: Query[Paging],
    app: str = "",
    environment: str = "",
    phase: PhaseName | None = None,
) -> list[dict[str, Any]]:
    """Newest first."""
    by = actor(request)
    rows = deployments.visible(by)
    if app:
        rows = rows.filter(app=apps.find(by, app))
    if environment:
        rows = rows.filter(environment=lifecycle.find(by, environment))
    if phase:
        rows = rows.filter(run__phase=phase)
    return [deployment_shape(row) for row in page(request, rows, paging, newest_first=True)]


@router.get("/deployments/{id}", response=DeploymentOut)
def get_deployment(request: HttpRequest, id: UUID) -> dict[str, Any]:
    return deployment_shape(deployments.find(actor(request), id))


@router.post("/promotions", response={200: PlanOut | PlansOut, 201: DeploymentOut | DeploymentsOut})
def create_promotion(request: HttpRequest, response: HttpResponse, body: PromotionIn) -> Status[dict[str, Any]]:
    """Plan and deployment in one call; `dry_run` answers the plan."""
    by = actor(request)
    if (body.environment_id is None) == (body.environment_ids is None):
        raise Invalid.field("environment_id", "name environment_id or environment_ids, one of the two.")
    wish = _wish(by, body)
    wish.pop("to_deployment")
    if body.environment_ids is not None:
        places = [lifecycle.find(by, each) for each in body.environment_ids]
        if body.dry_run:
            planned = promotions.plan_stage(by=by, environments=places, confirm=body.confirm, **wish)
            return Status(200, {"plans": [plan_shape(plan, to=by) for plan in planned]})
        made = promotions.promote_stage(by=by, environments=places, confirm=body.confirm, **wish)
        return Status(201, {"deployments": [deployment_shape(each) for each in made]})
    environment = lifecycle.find(by, body.environment_id or "")
    if body.dry_run:
        _check_given(body.confirm, environment)
        return Status(200, plan_shape(plans.propose(by=by, environment=environment, **wish), to=by))
    return _made(response, promotions.promote(by=by, environment=environment, confirm=body.confirm, **wish))


@router.post("/rollbacks", response={200: PlanOut, 201: DeploymentOut})
def create_rollback(request: HttpRequest, response: HttpResponse, body: RollbackIn) -> Status[dict[str, Any]]:
    """To the release live before the current one first went live there, or to the earlier one named."""
    by = actor(request)
    wish = _wish(by, body) | {"environment": lifecycle.find(by, body.environment_id)}
    if body.dry_run:
        _check_given(body.confirm, wish["environment"])
        return Status(200, plan_shape(plans.propose(by=by, kind="rollback", **wish), to=by))
    return _made(response, rollbacks.roll_back(by=by, confirm=body.confirm, **wish))


@router.post("/removals", response={200: PlanOut, 201: DeploymentOut})
def create_removal(request: HttpRequest, response: HttpResponse, body: RemovalIn) -> Status[dict[str, Any]]:
    by = actor(request)
    wish: dict[str, Any] = {
        "app": apps.find(by, body.app_id),
        "environment": lifecycle.find(by, body.environment_id),
        "reason": body.reason,
        "link": body.link,
    }
    if body.dry_run:
        _check_given(body.confirm, wish["environment"])
        return Status(200, plan_shape(plans.propose(by=by, kind="removal", **wish), to=by))
    return _made(response, removals.remove(by=by, confirm=body.confirm, **wish))


@router.get("/holds", response=list[HoldOut])
def list_holds(
    request: HttpRequest, paging: Query[Paging], app: str = "", environment: str = ""
) -> list[dict[str, Any]]:
    """The holds that stand."""
    by = actor(request)
    rows = holds.visible(by)
    if app:
        rows = rows.filter(slot__app=apps.find(by, app))
    if environment:
        rows = rows.filter(slot__environment=lifecycle.find(by, environment))
    return [hold_shape(row) for row in page(request, rows, paging)]


@router.post("/holds", response={201: HoldOut})
def place_hold(request: HttpRequest, response: HttpResponse, body: HoldIn) -> Status[dict[str, Any]]:
    """From now on tokens and automation are refused there, until somebody lifts it."""
    by = actor(request)
    app, environment = apps.find(by, body.app_id), lifecycle.find(by, body.environment_id)
    hold = holds.place(app, environment, by=by, reason=body.reason)
    created(response, "holds", hold.id)
    return Status(201, hold_shape(hold))


@router.get("/holds/{id}", response=HoldOut)
def get_hold(request: HttpRequest, id: UUID) -> dict[str, Any]:
    return hold_shape(holds.find(actor(request), id))


@router.delete("/holds/{id}", response={204: None})
def lift_hold(request: HttpRequest, id: UUID) -> Status[None]:
    by = actor(request)
    holds.lift(holds.find(by, id), by=by, reason=by.why.reason)
    return Status(204, None)


@router.post("/environments/{id}/restarts", response=RunOut)
def restart_service(request: HttpRequest, id: UUID, body: RestartIn) -> dict[str, Any]:
    """409 while a deployment of the app is in flight there."""
    by = actor(request)
    run = restarts.restart(
        by=by,
        environment=lifecycle.find(by, id),
        app=apps.find(by, body.app_id),
        service=body.service,
        reason=body.reason,
    )
    return run_shapes([run])[0]


def _wish(by: Actor, body: Any) -> dict[str, Any]:
    """The things that a body names, found among what the actor sees."""
    found: dict[str, Any] = {"reason": body.reason, "link": body.link}
    found["app"] = apps.find(by, body.app_id) if body.app_id else None
    found["release"] = releases.find(by, body.release_id) if body.release_id else None
    back = getattr(body, "to_deployment_id", None)
    found["to_deployment"] = deployments.find(by, back) if back else None
    for name in ("bypass", "lift_hold", "configuration"):
        if hasattr(body, name):
            found[name] = getattr(body, name)
    return found


def _check_given(confirm: str | None, environment: Environment) -> None:
    """A plan is not carried out and needs no confirmation, but a wrong one is told at once."""
    deployments.check_confirmation(confirm, name=environment.name, required=False)


def _made(response: HttpResponse, deployment: Deployment) -> Status[dict[str, Any]]:
    created(response, "deployments", deployment.id)
    return Status(201, deployment_shape(deployment))
