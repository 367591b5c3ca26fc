"""A plan as its sheet says it: the hop, the gates, the changes and the button's words."""

from datetime import datetime
from typing import Any

from django.utils.html import format_html

from environments import drawing, statuses
from environments.forms.form import sentence
from environments.models import ConfigurationChoice, DeploymentKind, Environment, Plan
from environments.planning import gates, history, stages
from environments.views.plan_wish import Wish
from projects.access import Actor, Permission, allows, who
from projects.errors import Refused
from projects.models import Release

MOST_RELEASES = 50
VERBS = {
    DeploymentKind.DEPLOY: ("Deploy", "Deploy to"),
    DeploymentKind.PROMOTION: ("Promote", "Promote to"),
    DeploymentKind.REDEPLOY: ("Deploy again", "Deploy again to"),
    DeploymentKind.ROLLBACK: ("Roll back", "Roll back in"),
    DeploymentKind.REMOVAL: ("Remove", "Remove from"),
}

# Where a closed gate is opened, by the first word of its address.
FIXES = {"environments": "Open environment", "projects": "Open project", "runs": "Open run"}


def sheet(actor: Actor, wish: Wish, plan: Plan | None, *, refusal: Refused | None) -> dict[str, Any]:
    kind = DeploymentKind(plan.kind if plan else wish.kind or DeploymentKind.DEPLOY)
    title, verb = VERBS[kind]
    environment = wish.environment
    judged = [_gate(gate) for gate in (plan.gates if plan else getattr(refusal, "errors", ()) or ()) if "code" in gate]
    closed = [gate for gate in judged if not gate["passed"]]
    release = plan.release if plan else wish.release
    button = f"{verb} {environment.title}"
    if kind == DeploymentKind.ROLLBACK and release:
        button = f"Roll back to {release.version}"
    if kind == DeploymentKind.REDEPLOY and plan and plan.configuration_from_id:
        title, button = "Bring back the configuration of", f"Bring back in {environment.title}"
    chain = stages.applying(wish.app.project, wish.app.organization)
    may_bypass = allows(
        actor,
        Permission.BYPASS,
        project_id=wish.app.project_id,
        environment_id=environment.id,
        protected=environment.protected,
    )
    return {
        "title": f"{title} {wish.app.name}",
        "wish": wish,
        "kind": kind.value,
        "plan": plan,
        "environment": environment,
        "refusal": sentence(refusal) if refusal else "",
        "misspelt": any(error.get("field") == "confirm" for error in refusal.errors) if refusal else False,
        "state": "blocked" if closed or plan is None else "ready-to-go",
        "gates": judged,
        "passed": f"{len(judged) - len(closed)} of {len(judged)} passed",
        "why": (closed[0]["brief"] if closed[0]["code"] == "configuration" else closed[0]["sentence"])
        if closed
        else (refusal.detail if refusal and plan is None else ""),
        "ready": plan is not None and not closed,
        "button": button,
        "danger": kind == DeploymentKind.REMOVAL,
        # Where there is no plan, what is live was not looked at, and nothing is said of it.
        "hop": _hop(actor, kind, wish, plan, chain) if plan else None,
        "releases": _releases(kind, wish, release),
        "changes": [change(one) for one in (plan.changes if plan else ())],
        "configuration": plan.configuration_changes if plan else [],
        "then": any("then" in one for one in plan.configuration_changes) if plan else False,
        "choices": _choices(wish, plan),
        "bypassable": may_bypass and any(gate["code"] == "stage" for gate in closed) and not wish.bypass,
        "must_confirm": environment.protected,
        "confirm_pattern": _exactly(environment.name),
    }


def _choices(wish: Wish, plan: Plan | None) -> list[dict[str, Any]]:
    """What goes back in a rollback: release and configuration, or one of them."""
    if plan is None or (plan.configuration_from_id is None and wish.kind != DeploymentKind.ROLLBACK):
        return []
    of, kept = ConfigurationChoice.OF_DEPLOYMENT, ConfigurationChoice.PINNED
    rolling = plan.kind == DeploymentKind.ROLLBACK
    source = str(plan.configuration_from_id or "")
    release = str(plan.release_id) if rolling else ""
    return [
        {
            "words": words,
            "chosen": chosen,
            "given": {**wish.given, "kind": kind, "configuration": choice, "to_deployment": source, "release": back},
        }
        for words, kind, choice, back, chosen in (
            ("Release and configuration", "rollback", of, release, rolling and plan.configuration == of),
            ("Release only", "rollback", kept, release, rolling and plan.configuration == kept),
            ("Configuration only", "redeploy", of, "", not rolling),
        )
    ]


def _gate(gate: Any) -> dict[str, Any]:
    passed = bool(gate["passed"])
    return {
        **gate,
        "brief": gate["sentence"].partition(": ")[0],
        "title": gates.TITLES.get(gate["code"], gate["code"].capitalize()),
        "look": statuses.status_of("passed" if passed else "blocked"),
        "word": "passed" if passed else "blocked",
        "fix": FIXES.get(gate["fix_url"].split("/")[1], "Open") if gate["fix_url"] else "",
    }


def _hop(actor: Actor, kind: DeploymentKind, wish: Wish, plan: Plan, chain: Any) -> dict[str, Any]:
    """From where to where: two boxes, each with its environment, its version and a line below."""
    environment = wish.environment
    release, now = plan.release, plan.from_release
    here = {"name": environment.title, "level": _place(chain, environment), "environment": environment}
    replaced = f"replaces {now.version}" if now and release and now.id != release.id else ""
    after = {**here, "version": release.version if release else "Not deployed", "below": replaced or "nothing live now"}
    if now and release and now.id == release.id:
        after["below"] = "live now"
    if kind in (DeploymentKind.ROLLBACK, DeploymentKind.REMOVAL):
        before = {**here, "version": now.version if now else "Nothing", "below": "live now", "commit": _short(now)}
        if kind == DeploymentKind.REMOVAL:
            after["below"] = "its services stop, its addresses become free"
        return {"before": before, "after": {**after, "commit": _short(release)}}
    source = stages.before(chain, environment)
    if source is not None and kind == DeploymentKind.PROMOTION:
        places = [stages.told(place, to=actor) for place in stages.environments_of(source)]
        before = {"name": ", ".join(places), "level": _place(chain, stages.environments_of(source)[0])}
        before["below"] = "the stage before"
    else:
        before = {"name": "Release", "level": None}
        before["below"] = (
            format_html("cut {} by {}", drawing.ago(release.created_at), who(release.created_by)) if release else ""
        )
    before |= {"version": release.version if release else "None chosen", "commit": _short(release)}
    return {"before": before, "after": after}


def _place(chain: Any, environment: Environment) -> int:
    index = stages.standing(chain, environment)
    return 0 if index is None else index + 1


def _releases(kind: DeploymentKind, wish: Wish, chosen: Release | None) -> list[dict[str, Any]]:
    """What else could be chosen: any release for a deployment, what was live before for a rollback."""
    found: list[Release] = []
    if kind == DeploymentKind.ROLLBACK:
        line = list(history.succeeded(wish.app, wish.environment))
        live = line[-1].release if line else None
        for deployment in reversed(history.earlier(line, live) if live else []):
            if deployment.release is not None and deployment.release not in found:
                found.append(deployment.release)
    elif kind != DeploymentKind.REMOVAL:
        found = list(Release.objects.filter(app=wish.app).order_by("-serial")[:MOST_RELEASES])
        # An older one than these stands last, or the form would show another as the one that is planned.
        found += [chosen] if chosen is not None and chosen not in found else []
    return [
        {"id": release.id, "version": release.version, "chosen": chosen is not None and release.id == chosen.id}
        for release in found
    ]


def change(told: Any) -> dict[str, Any]:
    """A release that arrives or leaves, as `plan/_changes.html` draws it; from `comparison.releases_between`."""
    cut = datetime.fromisoformat(told["created_at"])
    lines = [
        {"commit": str(line.get("commit", ""))[:7], "text": line.get("text") or line.get("message") or ""}
        if isinstance(line, dict)
        else {"commit": "", "text": str(line)}
        for line in told["changes"]
    ]
    return {
        **told,
        "commit": told["commit"][:7],
        "lines": lines,
        "by": who(told["created_by"]),
        "ago": drawing.ago(cut),
    }


def _short(release: Release | None) -> str:
    return release.commit[:7] if release else ""


def _exactly(name: str) -> str:
    """A pattern that only this name matches; of what a name may hold, the full stop alone means more than itself."""
    return name.replace(".", "\\.")
