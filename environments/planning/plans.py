"""Plans: a stored proposal with its difference, its gates and a digest over all of it."""

import hashlib
import json
import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from environments.models import Deployment, DeploymentKind, Environment, Plan, Slot
from environments.planning import comparison, gates, pinning, proposals
from environments.planning.gates import Gate
from environments.planning.proposals import Proposal
from environments.resolving import pins
from projects import access, events, reasons, scopes
from projects.access import Actor, Permission
from projects.errors import Conflict, Invalid, NotFound
from projects.models import App, Release

LIFETIME = timedelta(hours=1)


class Blocked(Conflict):
    """A gate is closed; `errors` are all gates."""

    code = "blocked"


class Stale(Conflict):
    """What was planned is not what would happen now; `errors` are the gates as they are."""

    code = "stale"


@events.operation
def propose(
    *,
    by: Actor,
    environment: Environment,
    app: App | None = None,
    kind: str | None = None,
    release: Release | None = None,
    to_deployment: Deployment | None = None,
    configuration: str | None = None,
    bypass: bool = False,
    lift_hold: bool = False,
    reason: str = "",
    link: str = "",
) -> Plan:
    """Store what would happen and what stands in its way. A closed gate refuses the carrying out, not the plan.

    `kind` omitted: redeploy if that release is live there, promotion into a later stage, else deploy. Raises Invalid
    for a wish that contradicts itself, Conflict where there is nothing to remove, redeploy or roll back to.
    """
    app = app or (release.app if release else None) or (to_deployment.app if to_deployment else None)
    if app is None:
        raise Invalid.field("app_id", "name the app, or a release.")
    reasons.check(reason, link)
    require_wish(by, app, environment, kind=kind, bypass=bypass, reason=reason)
    proposal = proposals.of_wish(
        by=by,
        app=app,
        environment=environment,
        slot=slot_of(app, environment),
        kind=kind,
        release=release,
        to_deployment=to_deployment,
        choice=configuration,
        bypass=bypass,
        lift_hold=lift_hold,
        reason=reason.strip(),
    )
    judged = gates.judge(proposal)
    return Plan.objects.create(
        organization=app.organization,
        app=app,
        environment=environment,
        kind=proposal.kind,
        release=proposal.release,
        from_release=proposal.from_release,
        returns_to=proposal.returns_to,
        configuration=proposal.configuration,
        configuration_from=proposal.configuration_from,
        bypass=bypass,
        lift_hold=lift_hold,
        reason=reason.strip(),
        link=link,
        changes=comparison.releases_between(app, proposal.from_release, proposal.release),
        configuration_changes=_configuration_changes(proposal),
        gates=[gate.as_dict() for gate in judged],
        blocked=not all(gate.passed for gate in judged),
        digest=digest(proposal, judged),
        created_by=by.label,
        expires_at=timezone.now() + LIFETIME,
    )


def check(plan: Plan, *, by: Actor, seen: str | None = None) -> Proposal:
    """The proposal as it is now, if it may be carried out: Blocked names what stands in the way, Stale what changed.

    `seen` is the digest of the plan that was looked at, where it was made anew for carrying it out.

    Who carries a plan out holds the lock on its slot; whoever only looks learns what was true a moment ago.
    """
    require_right(plan, by=by)
    already = Deployment.objects.filter(plan=plan).first()
    if already is not None:
        raise Conflict(f"This plan was carried out already by {access.who(already.created_by)}.", code="carried-out")
    proposal = proposals.of_plan(plan, by=by, slot=slot_of(plan.app, plan.environment))
    judged = gates.judge(proposal)
    refuse_closed(judged)
    if plan.expires_at <= timezone.now():
        raise Stale("This plan is older than an hour; plan again.", errors=[gate.as_dict() for gate in judged])
    if seen is not None and seen != plan.digest:
        sentence = "Something has changed since you opened this plan. Here it is as it stands now."
        raise Stale(sentence, errors=[gate.as_dict() for gate in judged])
    if digest(proposal, judged) != plan.digest:
        raise Stale(_what_changed(plan, proposal), errors=[gate.as_dict() for gate in judged])
    return proposal


def check_again(deployment: Deployment, *, by: Actor) -> None:
    """Raise what stands in the way of another attempt: NotAllowed, or Blocked with the gates as they are now.

    What was bypassed then is bypassed by whoever may; no hold is lifted, since nobody was shown the plan again.
    """
    plan, bypass = deployment.plan, deployment.bypass
    require_wish(by, plan.app, plan.environment, kind=plan.kind, bypass=bypass, reason=deployment.reason)
    slot = Slot.objects.select_related("live__release", "placement").get(app=plan.app, environment=plan.environment)
    intended = replace(proposals.of_plan(plan, by=by, slot=slot), bypass=bypass, lift_hold=False)
    # Another attempt runs with what was pinned for the first one.
    intended.__dict__["chosen"] = pinning.Chosen(pinning.of_deployment(deployment))
    refuse_closed(gates.judge(intended))


def require_right(plan: Plan, *, by: Actor) -> None:
    """NotAllowed for whoever may not do there what the plan says."""
    require_wish(by, plan.app, plan.environment, kind=plan.kind, bypass=plan.bypass, reason=plan.reason)


def require_wish(by: Actor, app: App, environment: Environment, *, kind: str | None, bypass: bool, reason: str) -> None:
    """NotFound, NotAllowed, Conflict or Invalid for a wish that is refused whatever the gates say."""
    if environment.deleted_at is not None:
        raise NotFound("There is no such environment.")
    where = {"project_id": app.project_id, "environment_id": environment.id}
    access.require(by, Permission.DEPLOY, protected=environment.protected, **where)
    if app.is_put_away and kind != DeploymentKind.REMOVAL:
        raise Conflict(f"{app.name} is archived; what runs of it can only be removed.", code="archived")
    if bypass:
        access.require(by, Permission.BYPASS, protected=environment.protected, **where)
        if not reason.strip():
            raise Invalid.field("reason", "whoever bypasses a gate says why.")


def refuse_closed(judged: list[Gate]) -> None:
    closed = [gate for gate in judged if not gate.passed]
    if not closed:
        return
    first = next((gate for gate in closed if gate.code == "hold"), closed[0])
    more = f" {len(closed) - 1} more gates are closed." if len(closed) > 2 else ""
    more = " One more gate is closed." if len(closed) == 2 else more
    raise Blocked(
        first.sentence + more,
        code="held" if first.code == "hold" else "blocked",
        errors=[gate.as_dict() for gate in judged],
    )


def slot_of(app: App, environment: Environment) -> Slot:
    """The row that everything about the pair locks, made when it is first asked for."""
    Slot.objects.bulk_create(
        [Slot(organization_id=app.organization_id, app=app, environment=environment)], ignore_conflicts=True
    )
    return Slot.objects.select_related("live__release", "placement").get(app=app, environment=environment)


def lock_slot(app: App, environment: Environment) -> Slot:
    """As it is once everybody who has changed it meanwhile is done."""
    return Slot.objects.select_for_update(no_key=True).get(pk=slot_of(app, environment).pk)


def digest(proposal: Proposal, judged: list[Gate]) -> str:
    """Over everything that was decided; not over sentences, which tell of times and numbers."""
    release, live, back = proposal.release, proposal.live, proposal.returns_to
    decided: dict[str, Any] = {
        "kind": proposal.kind,
        "app": proposal.app.id,
        "environment": proposal.environment.id,
        "release": release.id if release else None,
        "live": live.id if live else None,
        "returns_to": back.id if back else None,
        "configuration": pins.digest(pins.of(proposal.resolved)),
        "bypass": proposal.bypass,
        "lift_hold": proposal.lift_hold,
        "gates": [(gate.code, gate.passed) for gate in judged],
    }
    return hashlib.sha256(json.dumps(decided, sort_keys=True, default=str).encode()).hexdigest()


def visible(actor: Actor) -> QuerySet[Plan]:
    found = Plan.objects.filter(organization=actor.organization)
    found = found.filter(scopes.rows(actor, project="app__project", environment="environment"))
    return found.select_related(
        "app__project", "environment", "release", "from_release", "returns_to", "configuration_from"
    )


def find(actor: Actor, ident: str | uuid.UUID) -> Plan:
    try:
        return visible(actor).get(pk=uuid.UUID(str(ident)))
    except (ValueError, Plan.DoesNotExist):
        raise NotFound("There is no such plan.") from None


def _configuration_changes(proposal: Proposal) -> list[dict[str, Any]]:
    source = proposal.configuration_from
    then = pinning.of_deployment(source) if source is not None else None
    return pinning.changes(pinning.of_deployment(proposal.live), proposal.resolved, then=then)


def _what_changed(plan: Plan, proposal: Proposal) -> str:
    before = plan.from_release.version if plan.from_release else "nothing"
    now = proposal.from_release.version if proposal.from_release else "nothing"
    where = proposal.environment.title
    if before != now:
        return f"{now} is live in {where} by now; the plan was made when {before} was. Plan again."
    return f"{where} has changed since this was planned; plan again."
