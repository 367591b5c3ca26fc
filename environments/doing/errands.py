"""What a worker is told of a workflow's or agent's run at its claim, with the configuration that holds just then."""

from typing import Any

from environments.models import Environment, Phase, Run, RunKind
from environments.resolving import problems, resolution, statements
from environments.resolving.resolution import Resolution, Target
from environments.runs import steps
from environments.sealing import Unreadable
from projects import access, definitions, events
from projects.errors import Conflict

MOST_NAMED = 10


class CannotBegin(Conflict):
    """What it is to run with is not complete; the sentence names every key and reference."""


def specification(run: Run) -> dict[str, Any]:
    """The shape of docs/worker-protocol.md; CannotBegin where a value does not resolve, or a required secret is not
    there."""
    assert run.environment is not None and run.project is not None
    values, masks = _configuration(run, run.environment)
    begun = steps.begun_before(run) if run.attempt > 1 else set()
    return {
        "id": str(run.pk),
        "attempt": run.attempt,
        "kind": run.kind,
        "action": "errand",
        "deadline_at": run.deadline_at.isoformat() if run.deadline_at else None,
        "deployment": None,
        # It is no app; its name is what a worker calls it by.
        "app": {"id": str(run.pk), "name": run.specification["name"]},
        "project": {"id": str(run.project_id), "key": run.project.key},
        "environment": {"id": str(run.environment_id), "name": run.environment.name},
        "release": None,
        "artifact": None,
        "steps": [{**step, "n": n, "begun": n in begun} for n, step in enumerate(run.specification["steps"], start=1)],
        "services": [],
        "env": values | _given(run) | _own(run, run.environment),
        "masks": masks,
        "endpoints": {},
        "reuse": None,
        "keep": [],
        "service": None,
        "traceparent": run.traceparent or None,
    }


def page_steps(run: Run) -> list[tuple[str, bool]]:
    return [(step["name"], bool(step.get("once"))) for step in run.specification["steps"]]


def concluded(run: Run, outcome: Phase, reason: str) -> None:
    """Called by the run's conclusion alone: nothing follows from the end, but that it is told."""
    about = run.workflow or run.agent
    assert about is not None and run.environment is not None
    events.record(
        f"{run.kind}.run_{outcome.value}",
        by=access.system(run.organization),
        object={"kind": run.kind, "id": about.pk, "name": about.name},
        project_id=run.project_id,
        environment_id=run.environment_id,
        subjects=[f"run:{run.pk}"],
        environment=run.environment.title,
        number=run.number,
        reason=reason,
        run_id=str(run.pk),
    )


def _configuration(run: Run, environment: Environment) -> tuple[dict[str, str], list[str]]:
    """Every value that holds for it now, and what of that must not be seen."""
    resolved = resolution.resolve(
        Target(
            organization_id=run.organization_id,
            environment_id=environment.pk,
            project_id=run.project_id,
            team_id=run.agent.team_id if run.agent else None,
            agent_id=run.agent_id,
        ),
        asking=statements.without_origins,
    )
    missing = _missing(run, environment, resolved)
    try:
        values = resolved.environ()
    except problems.Unresolvable as refusal:
        missing += [f"{error['field']} has no value: {error['message']}" for error in refusal.errors]
    except Unreadable as refusal:
        missing.append(refusal.detail)
    if missing:
        more = len(missing) - MOST_NAMED
        raise CannotBegin(" ".join([*missing[:MOST_NAMED], *([f"{more} more besides."] if more > 0 else [])]))
    return values, resolved.masks(values)


def _missing(run: Run, environment: Environment, resolved: Resolution) -> list[str]:
    """A sentence for each secret that somebody requires and that is not set here. A broken one is named by itself."""
    team = run.agent.team if run.agent else None
    requiring = [
        (environment.title, environment.required_secrets),
        *([(team.name, team.required_secrets)] if team else []),
        *([(run.agent.name, run.agent.required_secrets)] if run.agent else []),
    ]
    found = []
    for who, names in requiring:
        for name in names:
            winner = resolved.winners.get(name)
            if winner is None:
                found.append(f"{who} requires the secret {name}, which is set nowhere here.")
            elif not winner.is_secret:
                found.append(f"{who} requires the secret {name}, and {name} is a variable here.")
    return found


def _given(run: Run) -> dict[str, str]:
    if run.kind == RunKind.AGENT:
        return {}
    return {definitions.variable(name): text for name, text in run.inputs.items()}


def _own(run: Run, environment: Environment) -> dict[str, str]:
    """Ours, which nothing overrides."""
    assert run.project is not None
    known = {
        "TOWPATH_RUN": str(run.pk),
        "TOWPATH_ENVIRONMENT": environment.name,
        "TOWPATH_PROJECT": run.project.key,
    }
    if run.kind == RunKind.WORKFLOW:
        return known | {"TOWPATH_WORKFLOW": run.specification["name"]}
    told = run.specification["agent"]
    return known | {
        "TOWPATH_AGENT": run.specification["name"],
        "TOWPATH_INPUT": run.inputs.get("input", ""),
        "TOWPATH_AGENT_MODEL": told["model_id"],
        "TOWPATH_AGENT_RUNTIME": told["runtime"],
        "TOWPATH_AGENT_SYSTEM_PROMPT": told["system_prompt"],
    }
