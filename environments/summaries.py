"""What the outside sees of environments: status, workers, addresses and the last measurement, in constant queries."""

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import Now

from environments import seen, states
from environments.models import Endpoint, Environment, Phase, Run, RunKind, Sample, Slot, State, Worker
from projects import scopes
from projects.access import Actor
from projects.errors import Invalid

STATUSES = ("provisioning", "ready", "active", "inactive", "error")


def with_status(rows: QuerySet[Environment], status: str) -> QuerySet[Environment]:
    """Only those whose derived status is `status`; Invalid for a word that is none."""
    if status not in STATUSES:
        raise Invalid.field("status_filter", f"must be one of {', '.join(STATUSES)}")
    if status in {"ready", "active"}:
        alive = Exists(_alive().filter(environment=OuterRef("pk")))
        rows = rows.filter(state=State.RUNNING)
        return rows.filter(alive) if status == "active" else rows.filter(~alive)
    return rows.filter(state__in=[state for state, word in states.STATUS.items() if word == status])


def named(rows: QuerySet[Environment], text: str) -> QuerySet[Environment]:
    """Only those that a search for `text` finds: by name, display name, description, tag and who made them."""
    return seen.matching(rows, text)


def annotated(rows: QuerySet[Environment]) -> QuerySet[Environment]:
    """With what `of` needs from the newest row of other tables."""
    newest = Sample.objects.filter(environment=OuterRef("pk")).order_by("-at")
    provisioned = Run.objects.filter(environment=OuterRef("pk"), kind=RunKind.PROVISION).order_by("-created_at", "-id")
    return rows.annotate(
        newest_sample=Subquery(newest.values("pk")[:1]), newest_provision=Subquery(provisioned.values("pk")[:1])
    )


def of(environments: Iterable[Any], *, by: Actor) -> dict[uuid.UUID, dict[str, Any]]:
    """Environment id -> what is derived. `environments` come from `annotated`; of addresses those `by` may see."""
    rows = list(environments)
    ids = [row.pk for row in rows]
    workers = _workers(ids)
    endpoints = _endpoints(ids, by)
    samples = Sample.objects.in_bulk([row.newest_sample for row in rows if row.newest_sample])
    return {
        row.pk: {
            "status": states.status(row.state, workers_alive=workers[row.pk].total()),
            "active_workers": workers[row.pk].total(),
            "busy_workers": workers[row.pk]["busy"],
            "idle_workers": workers[row.pk].total() - workers[row.pk]["busy"],
            "endpoints": endpoints[row.pk],
            "metrics": _metrics(samples.get(row.newest_sample)),
            "provisioning_workflow_id": row.newest_provision,
        }
        for row in rows
    }


def _alive() -> QuerySet[Worker]:
    return Worker.objects.filter(ended_at=None, lease_until__gt=Now())


def _workers(ids: list[uuid.UUID]) -> dict[uuid.UUID, Counter[str]]:
    found: dict[uuid.UUID, Counter[str]] = defaultdict(Counter)
    holds = Exists(Run.objects.filter(worker=OuterRef("pk"), phase=Phase.RUNNING))
    for environment_id, busy in _alive().filter(environment__in=ids).values_list("environment_id", holds):
        found[environment_id]["busy" if busy else "idle"] += 1
    return found


def _endpoints(ids: list[uuid.UUID], by: Actor) -> dict[uuid.UUID, list[dict[str, Any]]]:
    within = scopes.rows(by, project="app__project", environment="environment")
    rows = Endpoint.objects.filter(within, environment__in=ids, released_at=None)
    found: dict[uuid.UUID, list[dict[str, Any]]] = defaultdict(list)
    for shown in endpoints(rows):
        found[shown["environment_id"]].append(
            {"name": shown["name"], **{name: shown[name] for name in ("url", "app", "service", "status")}}
        )
    return found


def endpoints(rows: QuerySet[Endpoint]) -> list[dict[str, Any]]:
    """Addresses with the state that was last observed of the service behind each; two queries."""
    found = list(rows.select_related("host", "app").order_by("created_at", "id"))
    slots = {
        (slot.app_id, slot.environment_id): slot
        for slot in Slot.objects.filter(
            app__in={row.app_id for row in found}, environment__in={row.environment_id for row in found}
        )
    }
    return [
        {
            "id": row.id,
            "environment_id": row.environment_id,
            "app_id": row.app_id,
            "app": row.app.name,
            "service": row.service,
            "name": f"{row.app.name}/{row.service}",
            "url": row.url,
            "port": row.port,
            "status": _endpoint_status(slots.get((row.app_id, row.environment_id)), row.service),
            "created_at": row.created_at,
        }
        for row in found
    ]


def _endpoint_status(slot: Slot | None, service: str) -> str:
    """`pending` until something is live behind it, else the service's state as its worker last saw it."""
    if slot is None or slot.live_id is None:
        return "pending"
    state = next((one.get("state") for one in slot.services if one.get("name") == service), None)
    return str(state or "unknown")


def _metrics(sample: Sample | None) -> dict[str, Any]:
    if sample is None:
        return {}
    return {"cpu": sample.cpu, "memory": sample.memory, "storage": sample.storage, "at": sample.at}
