"""Which release directories a worker keeps for an app, and which one a deployment returns to."""

import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings

from environments.models import Deployment, DeploymentKind

LOOKED_AT = 60  # deployments of an app; an older directory is gone for certain
# An app that was deployed ten thousand times costs no more than one that was deployed sixty times.
WENT_LIVE = """
SELECT d.id, d.app_id, d.number, d.kind, d.returns_to_id
FROM unnest(%(apps)s::uuid[]) AS app (id)
CROSS JOIN LATERAL (
  SELECT d.* FROM environments_deployment d JOIN environments_run r ON r.deployment_id = d.id
  WHERE d.app_id = app.id AND d.environment_id = %(environment)s AND d.kind <> 'removal' AND r.phase = 'succeeded'
  ORDER BY d.number DESC LIMIT %(most)s
) AS d
"""


@dataclass(frozen=True)
class Directories:
    """`lines`: what went live for each app last, newest first."""

    lines: dict[uuid.UUID, list[Deployment]]

    @classmethod
    def of(cls, environment_id: uuid.UUID, apps: Iterable[uuid.UUID]) -> "Directories":
        lines: dict[uuid.UUID, list[Deployment]] = defaultdict(list)
        asked = {"apps": list(apps), "environment": environment_id, "most": LOOKED_AT}
        for deployment in Deployment.objects.raw(WENT_LIVE, asked):
            lines[deployment.app_id].append(deployment)
        return cls(lines)

    def root(self, deployment: Deployment) -> uuid.UUID:
        """The deployment whose directory this one runs from: a rollback runs from the one it returned to."""
        known = {one.pk: one.returns_to_id for one in self.lines.get(deployment.app_id, [])}
        found, back = deployment.pk, deployment.returns_to_id
        while back is not None:
            found, back = back, known.get(back)
        return found

    def reuse(self, deployment: Deployment | None) -> str | None:
        if deployment is None or deployment.returns_to_id is None:
            return None
        return str(self.root(deployment))

    def keep(self, app_id: uuid.UUID, coming: Deployment | None) -> list[str]:
        """The directories of the releases that ran last, `coming` counted, under every name they may have."""
        line = list(self.lines.get(app_id, []))
        if coming is not None and coming.kind != DeploymentKind.REMOVAL:
            line = [coming, *(one for one in line if one.pk != coming.pk)]
        roots: list[uuid.UUID] = []
        kept: list[str] = []
        for deployment in line:
            root = self.root(deployment)
            if root not in roots:
                if len(roots) == settings.TOWPATH_RELEASES_KEPT:
                    continue
                roots.append(root)
            kept += [str(deployment.pk), str(root)]
        return list(dict.fromkeys(kept))
