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
    limit: int = 100,
) -> list[dict[str, Any]]:
    """The newest `limit` lines, oldest first, of the apps that `by` may see."""
    seen = scopes.rows(by, project="app__project", environment="environment")
    rows = ServiceLogChunk.objects.filter(seen, environment=environment)
    if app is not None:
        rows = rows.filter(app=app)
    if service:
        rows = rows.filter(service=service)
    if since is not None:
        rows = rows.filter(at__gte=since)
    found: list[dict[str, Any]] = []
    # A chunk holds one line at least, so `limit` chunks are enough.
    for chunk in rows.order_by("-id")[:limit].iterator(chunk_size=50):
        for line in reversed(chunk.lines):
            at = _at(line) or chunk.at
            if since is not None and at < since:
                continue
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
        if len(found) >= limit:
            break
    return found[:limit][::-1]


def _at(line: dict[str, Any]) -> datetime | None:
    """When the worker says it was written; what it says is only words."""
    try:
        said = parse_datetime(str(line.get("at") or ""))
    except ValueError:
        return None
    return said if said is None or said.tzinfo else said.replace(tzinfo=UTC)
