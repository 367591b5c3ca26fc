"""What went live in an environment, in which order, and what that allows."""

import uuid
from collections.abc import Iterable, Sequence

from django.db.models import Q, QuerySet

from environments.models import UNFINISHED, Deployment, DeploymentKind, Environment, Phase, Run
from projects.models import App, Release


def succeeded(app: App, environment: Environment) -> QuerySet[Deployment]:
    """The deployments that went live there, oldest first. Removals are left out: they bring nothing live.

    There may be thousands of them, so each is read without what it pinned and what its release is made of.
    """
    return (
        Deployment.objects.filter(app=app, environment=environment, run__phase=Phase.SUCCEEDED)
        .exclude(kind=DeploymentKind.REMOVAL)
        .select_related("release")
        .defer("pins", "release__manifest", "release__changes")
        .order_by("number")
    )


def unfinished(app: App, environment: Environment) -> Run | None:
    """The one deployment on its way there, if there is one."""
    return (
        Run.objects.filter(app=app, environment=environment, deployment__isnull=False, phase__in=UNFINISHED)
        .select_related("deployment__release")
        .first()
    )


def earlier(line: Sequence[Deployment], current: Release) -> list[Deployment]:
    """What went live before `current` first did: where a rollback may go. `line` is oldest first."""
    for index, deployment in enumerate(line):
        if deployment.release_id == current.id:
            return list(line[:index])
    return []


def root(deployment: Deployment, line: Iterable[Deployment]) -> Deployment:
    """The deployment whose directory this one runs from: a rollback runs from the one it returned to."""
    known = {each.id: each for each in line}
    while deployment.returns_to_id in known:
        deployment = known[deployment.returns_to_id]
    return deployment


def proven(app: App, release: Release, environments: Sequence[Environment]) -> dict[uuid.UUID, str]:
    """For each environment in which the release is not proven, why: `never` succeeded there, or `rolled-back`.

    Rolled back means that the last rollback which left this release came after its last success. Being superseded
    by another release does not count against it. One statement for all environments.
    """
    missing: dict[uuid.UUID, str] = {environment.id: "never" for environment in environments}
    told = (
        Deployment.objects.filter(
            Q(release=release) | Q(kind=DeploymentKind.ROLLBACK, previous_release=release),
            app=app,
            environment__in=environments,
            run__phase=Phase.SUCCEEDED,
        )
        .exclude(kind=DeploymentKind.REMOVAL)
        .order_by("number")
        .values_list("environment_id", "release_id")
    )
    for environment_id, release_id in told:
        if release_id == release.id:
            missing.pop(environment_id, None)
        else:
            missing[environment_id] = "rolled-back"
    return missing
