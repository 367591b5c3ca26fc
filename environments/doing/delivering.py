"""What the end of a deployment or restart means: which release is live, what is held, whose addresses are free."""

from django.db.models.functions import Now

from environments.doing import overtaking
from environments.models import Deployment, DeploymentKind, Phase, Run, RunKind, Slot
from environments.planning import addresses, holding, telling
from projects import access, events
from projects.access import Actor

ENDS = {
    Phase.SUCCEEDED: "succeeded",
    Phase.FAILED: "failed",
    Phase.ERRORED: "errored",
    Phase.CANCELLED: "cancelled",
}


@events.operation
def concluded(run: Run, outcome: Phase | str, reason: str = "") -> None:
    """Called by the run's conclusion alone, in the transaction that ends the run and behind the slot's lock."""
    outcome = Phase(outcome)
    if run.kind == RunKind.RESTART:
        _restarted(run, outcome, reason)
        return
    assert run.deployment_id is not None
    deployment = Deployment.objects.select_related(
        "organization", "app__project", "environment", "release", "previous_release"
    ).get(pk=run.deployment_id)
    slot = _locked_slot(deployment)
    if outcome is not Phase.SUCCEEDED:
        # What ran before still runs: the wish is given up, nothing else changes.
        Slot.objects.filter(pk=slot.pk, target=deployment).update(target=slot.live)
        if slot.live is None:
            # Where nothing of it lives, it is not bound to a machine that may never come back.
            Slot.objects.filter(pk=slot.pk).update(placement=None)
    elif deployment.kind == DeploymentKind.REMOVAL:
        _removed(slot, deployment)
    else:
        _went_live(slot, deployment)
    telling.record(f"deployment.{ENDS[outcome]}", deployment, run=run, reason=reason)


def _locked_slot(deployment: Deployment) -> Slot:
    return (
        Slot.objects.select_for_update(no_key=True, of=("self",))
        .select_related("live", "app", "environment")
        .get(app_id=deployment.app_id, environment_id=deployment.environment_id)
    )


def _went_live(slot: Slot, deployment: Deployment) -> None:
    Slot.objects.filter(pk=slot.pk).update(
        target=deployment,
        live=deployment,
        previous=slot.live,
        live_since=Now(),
        astray_since=None,
        condition=Slot.Condition.OK,
        condition_reason="",
        condition_since=None,
    )
    overtaking.look_at([slot.pk])
    if deployment.kind == DeploymentKind.ROLLBACK:
        _hold_after_rollback(slot, deployment)


def _hold_after_rollback(slot: Slot, deployment: Deployment) -> None:
    """Automation would promote again at once what a person has just taken back."""
    before, now = deployment.previous_release, deployment.release
    why = f"Rolled back from {before.version if before else 'nothing'} to {now.version if now else 'nothing'}"
    why += f": {deployment.reason}" if deployment.reason else "."
    holding.put(slot, by=Actor(deployment.created_by, deployment.organization), reason=why)


def _removed(slot: Slot, deployment: Deployment) -> None:
    Slot.objects.filter(pk=slot.pk).update(
        target=None,
        live=None,
        previous=slot.live,
        live_since=None,
        astray_since=None,
        services=[],
        placement=None,
        observed=None,
        overtaken=0,
        condition=Slot.Condition.OK,
        condition_reason="",
        condition_since=None,
    )
    addresses.release_all(deployment.app, deployment.environment)


def _restarted(run: Run, outcome: Phase, reason: str) -> None:
    assert run.app is not None and run.environment is not None
    events.record(
        f"service.restart_{ENDS[outcome]}",
        by=access.system(run.organization),
        object={"kind": "service", "id": f"{run.app_id}/{run.service}", "name": run.service},
        project_id=run.app.project_id,
        environment_id=run.environment_id,
        app_id=run.app_id,
        subjects=[f"run:{run.id}"],
        app=run.app.name,
        environment=run.environment.title,
        service=run.service,
        reason=reason,
        run_id=str(run.id),
    )
