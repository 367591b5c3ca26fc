"""The events of deployments and runs, told alike by those who ask for them and by those who end them."""

from typing import Any

from environments.models import Deployment, Run
from projects import access, events
from projects.access import Actor


def record(kind: str, deployment: Deployment, *, run: Run, by: Actor | None = None, **data: Any) -> None:
    """One sentence's worth about a deployment: `{app, version, environment, from_version, deployment_kind, ...}`."""
    app, environment, before = deployment.app, deployment.environment, deployment.previous_release
    events.record(
        kind,
        by=by or access.system(deployment.organization),
        object={"kind": "deployment", "id": deployment.id, "name": app.name},
        project_id=app.project_id,
        environment_id=environment.id,
        app_id=app.id,
        subjects=[f"run:{run.id}"],
        app=app.name,
        version=deployment.release.version if deployment.release else "",
        environment=environment.title,
        from_version=before.version if before else "",
        deployment_kind=deployment.kind,
        number=deployment.number,
        run_id=str(run.id),
        bypass=deployment.bypass,
        **data,
    )


def record_run(kind: str, run: Run, *, by: Actor, reason: str) -> None:
    """One sentence's worth about a run of whichever kind."""
    release = run.deployment.release if run.deployment else None
    events.record(
        kind,
        by=by,
        object={"kind": "run", "id": run.pk, "name": str(run)},
        project_id=run.project_id,
        environment_id=run.environment_id,
        app_id=run.app_id,
        run_kind=run.kind,
        number=run.number,
        app=run.app.name if run.app else "",
        version=release.version if release else "",
        environment=run.environment.title if run.environment else "",
        reason=reason,
    )
