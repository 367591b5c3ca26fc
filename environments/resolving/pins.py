"""What a deployment keeps of a resolution: which version of each key, and no value."""

import hashlib
import uuid
from collections.abc import Sequence

from django.db import connection

from environments.resolving import candidates, statements
from environments.resolving.candidates import Candidate
from environments.resolving.resolution import Resolution

_SOURCE = """
environments_entryversion version JOIN environments_entry entry ON entry.id = version.entry_id
LEFT JOIN LATERAL (
    SELECT name AS here, project_id AS whose FROM environments_environment WHERE id = entry.environment_id
) place ON TRUE
CROSS JOIN (SELECT 0 AS distance, 0 AS level) nearest
WHERE entry.organization_id = %s AND version.id = ANY(%s::uuid[])
"""


def of(found: Resolution) -> list[tuple[str, str]]:
    """(key, version id), in the order of keys."""
    return [(key, one.version) for key, one in found.winners.items()]


def pinned(organization_id: uuid.UUID, pins: Sequence[Sequence[str]]) -> Resolution:
    """What was pinned, as it is now: a version that was revoked since has no value. One statement."""
    found = versions(organization_id, [version for _, version in pins])
    return Resolution(organization_id, {key: found[version] for key, version in pins if version in found})


def versions(organization_id: uuid.UUID, ids: Sequence[str]) -> dict[str, Candidate]:
    """Versions of the organization's entries by their id; one statement."""
    with connection.cursor() as cursor:
        cursor.execute(statements.listed(statements.COLUMNS, "", _SOURCE), [organization_id, list(ids)])
        _, found = candidates.made(cursor.fetchone()[0])
    return {one.version: one for one in found}


def digest(pins: Sequence[Sequence[str]]) -> str:
    """Over keys and versions: nothing of a value can be learnt from it."""
    return hashlib.sha256(
        "\n".join(f"{key} {version}" for key, version in sorted(map(tuple, pins))).encode()
    ).hexdigest()
