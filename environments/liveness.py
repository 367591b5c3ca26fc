"""Where releases are live."""

import uuid
from collections.abc import Iterable

from environments.models import Slot
from projects.models import Release


def environments_of(releases: Iterable[Release]) -> dict[uuid.UUID, list[uuid.UUID]]:
    """Release id -> ids of the environments it is live in, in one query."""
    found: dict[uuid.UUID, list[uuid.UUID]] = {}
    rows = (
        Slot.objects.filter(live__release__in=[release.pk for release in releases], environment__deleted_at=None)
        .exclude(live__kind="removal")
        .order_by("created_at", "id")
        .values_list("live__release_id", "environment_id")
    )
    for release_id, environment_id in rows:
        if release_id is not None:
            found.setdefault(release_id, []).append(environment_id)
    return found
