"""Reading what services wrote."""

from datetime import UTC, datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from environments.models import Environment, ServiceLogChunk
from projects import scopes
from projects.access import Actor
from projects.models import App


def newest(
    environment: Environment,
    *,
    by: Actor,
    app: App | None = None,
    service: str = "",
    since: datetime | None = None,
    before: tuple[int, int] | None = None,
    skip: int = 0,
    limit: int = 100,
) -> tuple[list[dict[str, Any]], tuple[int, int] | None]:
    """The newest `limit` lines, oldest first, of the apps that `by` may see; and the place before which there are more.

    A place is a chunk's id and the number of a line in it; `skip` lines are left out at the new end.
    """
    seen = scopes.rows(by, project="app__project", environment="environment")
    rows = ServiceLogChunk.objects.filter(seen, environment=environment)
    if app is not None:
        rows = rows.filter(app=app)
    if service:
        rows = rows.filter(service=service)
    if since is not None:
        rows = rows.filter(at__gte=since)
    if before is not None:
        rows = rows.filter(pk__lte=before[0])
    found: list[dict[str, Any]] = []
    places: list[tuple[int, int]] = []
    enough = skip + limit
    # A chunk holds one line at least, so as many chunks are enough, and one to know whether there are more.
    for chunk in rows.order_by("-id")[: enough + 1].iterator(chunk_size=50):
        for n, line in reversed(list(enumerate(chunk.lines))):
            at = _at(line) or chunk.at
            if (before is not None and (chunk.pk, n) >= before) or (since is not None and at < since):
                continue
            places.append((chunk.pk, n))
            found.append(
                {
                    "at": at,
                    "app_id": chunk.app_id,
                    "service": chunk.service,
                    "deployment_id": chunk.deployment_id,
                    "stream": line.get("stream", "out"),
                    "text": line.get("text", ""),
                }
            )
        if len(found) > enough:
            break
    return found[skip:enough][::-1], places[enough - 1] if len(found) > enough else None


def _at(line: dict[str, Any]) -> datetime | None:
    """When the worker says it was written; what it says is only words."""
    try:
        said = parse_datetime(str(line.get("at") or ""))
    except ValueError:
        return None
    return said if said is None or said.tzinfo else said.replace(tzinfo=UTC)
