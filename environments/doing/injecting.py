"""The values a deployment runs with, in the open: for the worker that claims its run, and for nobody else."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field

from environments import sealing
from environments.models import Deployment
from environments.resolving import pins
from environments.resolving.candidates import Candidate
from environments.resolving.problems import Unresolvable
from environments.resolving.resolution import Resolution


@dataclass(frozen=True)
class Pinned:
    """`values` by name, what of them is masked wherever it shows up, and `why` there are none where there should be."""

    values: dict[str, str] = field(default_factory=dict, repr=False)
    masks: list[str] = field(default_factory=list, repr=False)
    why: str = ""


def pinned(deployment: Deployment | None) -> Pinned:
    """Unresolvable, naming each, where a version was revoked since, or is not what was pinned."""
    if deployment is None:
        return Pinned()
    return _opened(deployment, _found([deployment])[deployment.pk])


def pinned_by(deployments: Iterable[Deployment]) -> dict[uuid.UUID, Pinned]:
    """Of each, in a constant number of statements; one that cannot be resolved any more says why."""
    listed = list(deployments)
    found = _found(listed)
    told: dict[uuid.UUID, Pinned] = {}
    for deployment in listed:
        try:
            told[deployment.pk] = _opened(deployment, found[deployment.pk])
        except Unresolvable as refusal:
            told[deployment.pk] = Pinned(why=refusal.detail)
    return told


def _opened(deployment: Deployment, found: Resolution) -> Pinned:
    if pins.digest(deployment.pins) != deployment.pins_digest or len(found.winners) != len(deployment.pins):
        raise Unresolvable("The configuration that was pinned is not what is there; deploy again.")
    values = found.environ()
    return Pinned(values, found.masks(values))


def _found(deployments: list[Deployment]) -> dict[uuid.UUID, Resolution]:
    wanted = {tuple(pin) for deployment in deployments for pin in deployment.pins}
    if not wanted:
        return {deployment.pk: Resolution(deployment.organization_id, {}) for deployment in deployments}
    every = pins.versions(deployments[0].organization_id, [version for _, version in wanted])
    box = sealing.box(deployments[0].organization_id) if any(one.is_secret for one in every.values()) else None
    told: dict[uuid.UUID, Resolution] = {}
    reader = None
    for deployment in deployments:
        mine: dict[str, Candidate] = {key: every[version] for key, version in deployment.pins if version in every}
        told[deployment.pk] = found = Resolution(deployment.organization_id, mine)
        if box is not None:
            found.box = box
        # One for all of them: each store is asked once, and the time that it may take is that of all together.
        found.reader = reader = reader or found.reader
    return told
