"""The output of live services: taken in once, in order, and the oldest forgotten as they write on."""

import json
import uuid
from collections.abc import Sequence
from typing import Any

from django.db import transaction

from environments.models import Deployment, ServiceLogChunk, Worker
from environments.runs import logs
from projects import bell

MOST_CHUNKS = 100
MOST_LINES = 2_000  # in one chunk
BYTES_KEPT = 5 * 1024 * 1024  # of one service of an app in an environment, whichever deployment wrote them
FORGOTTEN_AT_ONCE = 50  # chunks, while one is stored


def take_in(worker: Worker, chunks: Sequence[dict[str, Any]]) -> None:
    """Store what services wrote; lines stored before are ignored, and so is what is not of this environment."""
    named = [one for chunk in chunks if (one := _uuid(chunk.get("deployment_id")))]
    known = {
        one.pk: one.app_id for one in Deployment.objects.filter(pk__in=named, environment_id=worker.environment_id)
    }
    for chunk in list(chunks)[:MOST_CHUNKS]:
        deployment_id = _uuid(chunk.get("deployment_id"))
        if deployment_id is not None and deployment_id in known and _uuid(chunk.get("app_id")) == known[deployment_id]:
            _store(worker, deployment_id, known[deployment_id], chunk)


@transaction.atomic
def _store(worker: Worker, deployment_id: uuid.UUID, app_id: uuid.UUID, chunk: dict[str, Any]) -> None:
    service = str(chunk.get("service", ""))[:63].replace("\0", "")
    offset, told = chunk.get("offset"), chunk.get("lines")
    if not isinstance(offset, int) or not 0 <= offset < 2**31 or not isinstance(told, list):
        return
    stored = ServiceLogChunk.objects.filter(deployment_id=deployment_id, service=service).order_by("-offset").first()
    end = stored.offset + stored.count if stored else 0
    lines = [_line(line) for line in told[max(0, end - offset) :][:MOST_LINES] if isinstance(line, dict)]
    if not lines:
        return
    ours = ServiceLogChunk.objects.filter(environment_id=worker.environment_id, app_id=app_id, service=service)
    size = len(json.dumps(lines))
    written = size + (ours.order_by("-id").values_list("written", flat=True).first() or 0)
    ServiceLogChunk.objects.bulk_create(
        [
            ServiceLogChunk(
                environment_id=worker.environment_id,
                app_id=app_id,
                deployment_id=deployment_id,
                service=service,
                offset=max(offset, end),
                count=len(lines),
                size=size,
                written=written,
                lines=lines,
            )
        ],
        ignore_conflicts=True,
    )
    oldest = ours.order_by("id").values_list("pk", "written")[:FORGOTTEN_AT_ONCE]
    ours.filter(pk__in=[pk for pk, until in oldest if until <= written - BYTES_KEPT]).delete()
    bell.ring(bell.LOGS, environment=worker.environment_id, app=app_id)


def _line(line: dict[str, Any]) -> dict[str, Any]:
    kept = logs.cleaned(line)
    return {name: kept[name] for name in ("at", "stream", "text")}


def _uuid(value: Any) -> uuid.UUID | None:
    try:
        return uuid.UUID(str(value))
    except ValueError:
        return None
