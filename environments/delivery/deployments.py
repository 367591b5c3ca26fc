"""Carrying a plan out: under the slot's lock it becomes a deployment and a run, or is refused with the reason."""

import uuid
from typing import Any

from django.db.models import QuerySet

from environments import tasks
from environments.models import (
    Account,
    Deployment,
    DeploymentKind,
    Endpoint,
    Environment,
    Host,
    Plan,
    Run,
    RunKind,
    Slot,
)
from environments.planning import addresses, gates, holding, plans, telling
from environments.planning.gates import Gate
from environments.planning.proposals import Proposal
from environments.resolving import pins
from environments.runs import queue
from projects import events, reasons, scopes
from projects.access import Actor, who
from projects.errors import Conflict, Invalid, NotFound
from projects.models import App

# What a deployment may take beyond its steps and the patience of its health checks: fetching, switching, draining.
MARGIN = 900


class Superseded(Conflict):
    code = "superseded"


@events.operation
def carry_out(
    plan: Plan, *, by: Actor, seen: str | None = None, confirm: str | None = None, reason: str = "", link: str = ""
) -> Deployment:
    """Make the planned deployment; `reason` and `link` where they differ from the plan's, `seen` as in `plans.check`.

    Raises Invalid for a wrong or missing `confirm`, Blocked and Stale with the gates.
    Everything is read again under the locks of slot and environment (in this order), so that of two people who carry
    out plans for one app in one environment one wins and the other reads why.
    """
    reasons.check(reason, link)
    plan = locked(plan)
    plans.require_right(plan, by=by)
    check_confirmation(confirm, name=plan.environment.name, required=plan.environment.protected)
    proposal = plans.check(plan, by=by, seen=seen)
    slot = proposal.slot
    # Nowhere yet, where workers join by command and none has: the first claim then decides, and gives the addresses.
    host = addresses.host_for(plan.environment, slot)
    deployment = Deployment.objects.create(
        organization=plan.organization,
        app=plan.app,
        environment=plan.environment,
        number=slot.last_number + 1,
        kind=proposal.kind,
        release=proposal.release,
        previous_release=proposal.from_release,
        returns_to=proposal.returns_to,
        plan=plan,
        bypass=gates.bypassed(proposal),
        configuration=proposal.configuration,
        pins=pins.of(proposal.resolved),
        pins_digest=pins.digest(pins.of(proposal.resolved)),
        reason=reason.strip() or plan.reason,
        link=link or plan.link,
        created_by=by.label,
    )
    Slot.objects.filter(pk=slot.pk).update(target=deployment, last_number=deployment.number, placement=host)
    _lift_hold(proposal)
    if proposal.release is not None and host is not None:
        addresses.allocate(plan.app, plan.environment, proposal.release, host=host)
    run = _enqueue(deployment, by=by, host=host)
    telling.record("deployment.asked", deployment, by=by, run=run, reason=deployment.reason, link=deployment.link)
    return deployment


@events.operation
def at_once(environment: Environment, *, by: Actor, app: App, confirm: str | None = None, **wish: Any) -> Deployment:
    """Plan and deployment in one operation; `wish` as in `plans.propose`.

    The slot is locked before the planning: of many at once one plans, and the others read why not, which costs them
    hardly anything and keeps nobody behind them waiting.
    """
    # Whoever may not does not stand in the queue.
    kind, bypass, reason = wish.get("kind"), bool(wish.get("bypass")), str(wish.get("reason") or "")
    plans.require_wish(by, app, environment, kind=kind, bypass=bypass, reason=reason)
    plans.lock_slot(app, environment)
    environment = Environment.objects.select_for_update(no_key=True).get(pk=environment.pk)
    check_confirmation(confirm, name=environment.name, required=environment.protected)
    if closed := gates.in_flight(app, environment):
        plans.refuse_closed([Gate("in-flight", False, closed.detail, closed.fix_url)])
    plan = plans.propose(by=by, environment=environment, app=app, **wish)
    if plan.blocked:
        plans.refuse_closed([Gate(**gate) for gate in plan.gates])
    return carry_out(plan, by=by, confirm=confirm)


def locked(plan: Plan) -> Plan:
    """The plan read afresh behind the locks of its slot and environment."""
    Slot.objects.select_for_update(no_key=True).get(app_id=plan.app_id, environment_id=plan.environment_id)
    Environment.objects.select_for_update(no_key=True).get(pk=plan.environment_id)
    return Plan.objects.select_related(
        "organization",
        "app__project",
        "app__organization",
        "environment__host",
        "release__artifact",
        "from_release",
        "returns_to",
        "configuration_from",
    ).get(pk=plan.pk)


def check_confirmation(confirm: str | None, *, name: str, required: bool) -> None:
    if confirm is None and not required:
        return
    if (confirm or "").strip() != name:
        raise Invalid.field("confirm", f"type {name} to confirm.")


def check_retry(deployment: Deployment, *, by: Actor) -> None:
    """Another attempt is refused once something newer was asked for there, and where a gate is closed by now."""
    newer = (
        Deployment.objects.filter(
            app_id=deployment.app_id, environment_id=deployment.environment_id, number__gt=deployment.number
        )
        .select_related("release", "environment")
        .order_by("number")
        .last()
    )
    if newer is not None:
        what = f"{newer.release.version}" if newer.release else "a removal"
        raise Superseded(
            f"Something newer was asked for in {newer.environment.title} since: {what} by {who(newer.created_by)}; "
            "plan a new deployment instead."
        )
    plans.check_again(deployment, by=by)


def _lift_hold(proposal: Proposal) -> None:
    hold = holding.active(proposal.slot) if proposal.enters else None
    if hold is not None:
        holding.take_off(hold, by=proposal.by, reason=proposal.reason)


def _enqueue(deployment: Deployment, *, by: Actor, host: Host | None) -> Run:
    return queue.enqueue(
        kind=RunKind.DEPLOY,
        by=by,
        organization=deployment.organization,
        environment=deployment.environment,
        app=deployment.app,
        deployment=deployment,
        host=host,
        after=_prepared(deployment, by=by, host=host),
        timeout_seconds=_patience(deployment),
    )


def _prepared(deployment: Deployment, *, by: Actor, host: Host | None) -> Run | None:
    """The control run that makes the project's place and the new addresses, where the control plane has the hands."""
    environment, project = deployment.environment, deployment.app.project
    if environment.provisioner != "process" or deployment.kind == DeploymentKind.REMOVAL:
        return None
    ready = Account.objects.filter(
        environment=environment, project=project, prepared_at__isnull=False, removed_at=None
    ).exists()
    unlinked = Endpoint.objects.filter(
        environment=environment, app=deployment.app, released_at=None, linked_at=None
    ).exists()
    if ready and not unlinked:
        return None
    run = queue.enqueue(
        kind=RunKind.PREPARE,
        by=by,
        organization=deployment.organization,
        environment=environment,
        app=deployment.app,
        host=host,
    )
    tasks.ring(run)
    return run


def _patience(deployment: Deployment) -> int:
    manifest = deployment.release.manifest if deployment.release else {"steps": [], "services": []}
    steps = sum(step.get("timeout", 600) for step in manifest["steps"])
    services = manifest["services"]
    healthy = max(((service.get("health") or {}).get("within", 60) for service in services), default=0)
    drained = max((service.get("stop_timeout", 10) for service in services), default=0)
    return int(steps + healthy + drained + MARGIN)


def visible(actor: Actor) -> QuerySet[Deployment]:
    """Newest first."""
    found = Deployment.objects.filter(organization=actor.organization)
    found = found.filter(scopes.rows(actor, project="app__project", environment="environment"))
    return found.select_related("app", "environment", "release", "previous_release", "run").order_by(
        "-created_at", "-id"
    )


def find(actor: Actor, ident: str | uuid.UUID) -> Deployment:
    try:
        return visible(actor).get(pk=uuid.UUID(str(ident)))
    except (ValueError, Deployment.DoesNotExist):
        raise NotFound("There is no such deployment.") from None
