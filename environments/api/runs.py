"""REST: runs, their logs, and cancelling and retrying them."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router

from environments import cancellations, lifecycle, retries
from environments.api.schemas.runs import KindName, LineOut, LogPlace, PhaseName, RunOut, StepOut
from environments.models import Run, RunStep
from environments.runs import logs, lookup
from projects import apps
from projects.rest.bodies import actor
from projects.rest.paging import Paging, link, page

router = Router(tags=["runs"])


def shapes(rows: list[Run]) -> list[dict[str, Any]]:
    """One further statement for the steps of all rows."""
    steps: dict[tuple[UUID, int], list[RunStep]] = {}
    for step in RunStep.objects.filter(run__in=rows):
        steps.setdefault((step.run_id, step.attempt), []).append(step)
    plain = [name for name in RunOut.model_fields if name != "steps"]
    return [
        {
            **{name: getattr(row, name) for name in plain},
            "steps": [
                {name: getattr(step, name) for name in StepOut.model_fields}
                for step in steps.get((row.pk, row.attempt), [])
            ],
        }
        for row in rows
    ]


@router.get("/runs", response=list[RunOut])
def list_runs(
    request: HttpRequest,
    paging: Query[Paging],
    environment: str = "",
    app: str = "",
    phase: PhaseName | None = None,
    kind: KindName | None = None,
) -> list[dict[str, Any]]:
    by = actor(request)
    rows = lookup.visible(by)
    if environment:
        rows = rows.filter(environment=lifecycle.find(by, environment))
    if app:
        rows = rows.filter(app=apps.find(by, app))
    if phase:
        rows = rows.filter(phase=phase)
    if kind:
        rows = rows.filter(kind=kind)
    return shapes(page(request, rows, paging, newest_first=True))


@router.get("/runs/{id}", response=RunOut)
def get_run(request: HttpRequest, id: UUID) -> dict[str, Any]:
    return shapes([lookup.find(actor(request), id)])[0]


@router.get("/runs/{id}/logs", response=list[LineOut])
def get_logs(request: HttpRequest, id: UUID, place: Query[LogPlace]) -> list[logs.Line]:
    """The lines of one attempt in order. With `Accept: text/event-stream` the answer follows the run."""
    run = lookup.find(actor(request), id)
    lines = logs.read(run, place.attempt, place.first, place.limit)
    if len(lines) == place.limit:
        link(request, str(lines[-1]["n"] + 1))
    return lines


@router.post("/runs/{id}/cancellation", response=RunOut)
def cancel_run(request: HttpRequest, id: UUID) -> dict[str, Any]:
    """409 once the run is past its point of no return (`sealed`), or has ended (`finished`)."""
    by = actor(request)
    run = cancellations.cancel(lookup.find(by, id), by=by, reason=by.why.reason)
    return shapes([run])[0]


@router.post("/runs/{id}/retry", response=RunOut)
def retry_run(request: HttpRequest, id: UUID) -> dict[str, Any]:
    """A new attempt of the same run; refused once something newer was deployed there."""
    by = actor(request)
    run = retries.retry(lookup.find(by, id), by=by, reason=by.why.reason)
    return shapes([run])[0]
