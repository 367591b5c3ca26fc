"""What a worker is told: the specification of a run at its claim, and what is desired on its host."""

import uuid
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.db.models import Exists, OuterRef

from environments.doing import conclusions, errands, injecting
from environments.doing.directories import Directories
from environments.doing.injecting import Pinned
from environments.models import (
    ERRAND_KINDS,
    UNFINISHED,
    Deployment,
    DeploymentKind,
    Endpoint,
    Environment,
    Phase,
    Run,
    RunKind,
    Slot,
    State,
    Worker,
)
from environments.planning import addresses
from environments.resolving.problems import Unresolvable
from environments.runs import claim, desires, steps
from projects import events
from projects.errors import Exhausted, Refused
from projects.models import App, Artifact, Release

# In these the worker keeps its session and has nothing to run.
AT_REST = (State.SLEEPING, State.HIBERNATING, State.STOPPING, State.STOPPED)


def take(worker: Worker, claim_key: str) -> dict[str, Any]:
    """Claim the next run for a worker: `{"run": specification | None, "desired_version": int}`."""
    run, answer, refusal = _claimed(worker, claim_key)
    if run is not None and refusal is not None:
        # The run ends here, or it would block those behind it; by an operation that locks its environment before it.
        unable = isinstance(refusal, Unresolvable) or run.kind in ERRAND_KINDS
        conclusions.finish(run.id, run.attempt, worker, Phase.ERRORED if unable else Phase.FAILED, refusal.detail)
    known = run.environment if answer and run else None
    return {
        "run": answer,
        "desired_version": known.desired_version if known else desires.version(worker.environment_id),
    }


@events.operation
def _claimed(worker: Worker, claim_key: str) -> tuple[Run | None, dict[str, Any] | None, Refused | None]:
    """The run with what the worker is told of it, or why it cannot be carried out."""
    run = claim.by_worker(worker, claim_key)
    if run is None:
        return None, None, None
    try:
        answer = errands.specification(run) if run.kind in ERRAND_KINDS else specification(run)
    except (Exhausted, Unresolvable, errands.CannotBegin) as refusal:  # only now are host and values known
        return run, None, refusal
    steps.lay_out(run, errands.page_steps(run) if run.kind in ERRAND_KINDS else _page_steps(answer))
    return run, answer, None


def specification(run: Run) -> dict[str, Any]:
    """The shape of docs/worker-protocol.md, with what the deployment pinned; Exhausted where no address is left,
    Unresolvable where a pinned value is gone."""
    assert run.app is not None and run.environment is not None
    deployment = run.deployment or _live(run.app, run.environment)
    removal = run.deployment is not None and run.deployment.kind == DeploymentKind.REMOVAL
    known = Directories.of(run.environment.pk, [run.app.pk])
    pinned = Pinned() if removal else injecting.pinned(deployment)
    told = _told(run.app, run.environment, deployment, _addresses(run), pinned)
    told["env"]["TOWPATH_RUN"] = str(run.pk)
    begun = steps.begun_before(run) if run.attempt > 1 else set()
    return told | {
        "id": str(run.pk),
        "attempt": run.attempt,
        "kind": run.kind,
        "action": "restart" if run.kind == RunKind.RESTART else "remove" if removal else "deploy",
        "deadline_at": run.deadline_at.isoformat() if run.deadline_at else None,
        "deployment": _deployment(run.deployment) if run.deployment else None,
        # The run's own first step is to fetch: the manifest's come after it.
        "steps": [
            {"n": n, **step, "begun": n + 1 in begun} for n, step in enumerate(_manifest(deployment, "steps"), start=1)
        ],
        "reuse": known.reuse(run.deployment),
        "keep": known.keep(run.app.pk, run.deployment),
        "service": run.service or None,
        "traceparent": run.traceparent or None,
    }


def desired(worker: Worker) -> dict[str, Any]:
    """What should run on the worker's host: one entry for each app that has business there, in constant statements."""
    environment = Environment.objects.get(pk=worker.environment_id)
    # Asked with the slots, in one statement: what is live and that nothing is on its way must be of one moment.
    unfinished = Run.objects.filter(
        environment=OuterRef("environment"), app=OuterRef("app"), kind=RunKind.DEPLOY, phase__in=UNFINISHED
    )
    slots = list(
        _slots(Slot.objects.filter(environment=environment, placement=worker.host_id))
        .annotate(moving=Exists(unfinished))
        .order_by("app__name", "id")
    )
    on_their_way = {
        run.app_id: run.deployment
        for run in Run.objects.filter(
            environment=environment, kind=RunKind.DEPLOY, phase__in=UNFINISHED
        ).select_related("deployment")
    }
    apps = [slot.app_id for slot in slots]
    endpoints, known = _endpoints(environment.pk, apps), Directories.of(environment.pk, apps)
    pinned = injecting.pinned_by(slot.live for slot in slots if slot.live is not None)
    runs = dict(Run.objects.filter(deployment__in=[slot.live_id for slot in slots]).values_list("deployment_id", "pk"))
    listed = []
    for slot in slots:
        if slot.live is None and slot.app_id not in on_their_way:
            continue
        live = None
        if slot.live is not None:
            live = _told(slot.app, environment, slot.live, endpoints[slot.app_id], pinned[slot.live.pk])
            live["env"]["TOWPATH_RUN"] = str(runs.get(slot.live_id, ""))
            live["reuse"] = known.reuse(slot.live)
        listed.append(
            {
                "app": {"id": str(slot.app_id), "name": slot.app.name},
                "project": {"id": str(slot.app.project_id), "key": slot.app.project.key},
                "live": live,
                "above": _given_up(slot),
                "keep": known.keep(slot.app_id, on_their_way.get(slot.app_id)),
            }
        )
    return {
        "version": environment.desired_version,
        "wanted": "stopped" if environment.state in AT_REST else "running",
        "slots": listed,
    }


def _given_up(slot: Any) -> int | None:
    """The newest deployment's number, where none is on its way and that one is newer than the live one: its run has
    ended without success, and whatever of it has the traffic is to give it back."""
    if slot.moving or slot.live is None or slot.last_number <= slot.live.number:
        return None
    return int(slot.last_number)


def _told(
    app: App, environment: Environment, deployment: Deployment | None, endpoints: Iterable[Endpoint], pinned: Pinned
) -> dict[str, Any]:
    release = deployment.release if deployment else None
    return {
        "deployment": _deployment(deployment) if deployment else None,
        "app": {"id": str(app.pk), "name": app.name},
        "project": {"id": str(app.project_id), "key": app.project.key},
        "environment": {"id": str(environment.pk), "name": environment.name},
        "release": {"id": str(release.pk), "version": release.version, "commit": release.commit} if release else None,
        "artifact": _artifact(release.artifact) if release and release.artifact else None,
        "services": _manifest(deployment, "services"),
        "env": _env(app, environment, pinned, release),
        "masks": pinned.masks,
        "unresolvable": pinned.why or None,
        "endpoints": {one.service: {"port": one.port, "url": one.url} for one in endpoints},
    }


def _env(app: App, environment: Environment, pinned: Pinned, release: Release | None) -> dict[str, str]:
    """The configuration as it was pinned; ours cannot be overridden."""
    return pinned.values | {
        "TOWPATH_VERSION": release.version if release else "",
        "TOWPATH_RELEASE": str(release.pk) if release else "",
        "TOWPATH_ENVIRONMENT": environment.name,
        "TOWPATH_APP": app.name,
    }


def _deployment(deployment: Deployment) -> dict[str, Any]:
    return {"id": str(deployment.pk), "number": deployment.number, "kind": deployment.kind}


def _artifact(artifact: Artifact) -> dict[str, Any]:
    return {
        "id": str(artifact.pk),
        "sha256": artifact.sha256,
        "size": artifact.size,
        "filename": artifact.filename,
        "url": f"/api/v1/artifacts/{artifact.pk}/content",
    }


def _manifest(deployment: Deployment | None, part: str) -> list[dict[str, Any]]:
    release = deployment.release if deployment else None
    return list(release.manifest.get(part, [])) if release else []


def _page_steps(told: dict[str, Any]) -> list[tuple[str, bool]]:
    """The steps that the run's page shows, in order."""
    if told["action"] == "remove":
        return [("Drain", False), ("Free", False)]
    if told["action"] == "restart":
        return [("Restart", False), ("Health check", False)]
    own = [(step["name"], bool(step.get("once"))) for step in told["steps"]]
    first = "Reuse" if told["reuse"] else "Fetch"
    return [(first, False), *own, ("Start", False), ("Health check", False), ("Switch", False), ("Drain", False)]


def _addresses(run: Run) -> list[Endpoint]:
    """The app's there; one that is placed by its first claim gets them from that host now, or Exhausted."""
    assert run.app is not None and run.environment is not None
    given = _endpoints(run.environment.pk, [run.app.pk])[run.app.pk]
    release = run.deployment.release if run.deployment else None
    if release is None or run.host is None or addresses.suffice(given, release, host=run.host):
        return given
    addresses.allocate(run.app, run.environment, release, host=run.host)
    return _endpoints(run.environment.pk, [run.app.pk])[run.app.pk]


def _endpoints(environment_id: uuid.UUID, apps: Iterable[uuid.UUID]) -> dict[Any, list[Endpoint]]:
    found: dict[Any, list[Endpoint]] = defaultdict(list)
    for one in (
        Endpoint.objects.filter(environment_id=environment_id, app_id__in=list(apps), released_at=None)
        .select_related("host")
        .order_by("service")
    ):
        found[one.app_id].append(one)
    return found


def _live(app: App, environment: Environment) -> Deployment | None:
    slot = _slots(Slot.objects.filter(app=app, environment=environment)).first()
    return slot.live if slot else None


def _slots(slots: Any) -> Any:
    return slots.select_related("app__project", "live__release__artifact")
