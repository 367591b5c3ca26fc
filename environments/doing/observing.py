"""What workers see on their hosts: which release runs, how its services are, what the processes use."""

import uuid
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from environments import disk
from environments.doing import judging
from environments.models import (
    UNFINISHED,
    WORKER_KINDS,
    Environment,
    Run,
    Sample,
    Slot,
    State,
    Worker,
)
from environments.runs import clock, desires, hints
from projects import events

SAMPLE_EVERY = timedelta(seconds=15)
SERVICE_FIELDS = {
    "name": (str, 63),
    "state": (str, 20),
    "pid": (int, 0),
    "port": (int, 0),
    "restarts": (int, 0),
    "exit": (str, 200),
    "line": (str, 2000),
    "trouble": (str, 500),
    "since": (str, 40),
    "cpu": (float, 0),
    "memory": (int, 0),
}
SLOT_FIELDS = [
    "observed",
    "observed_at",
    "observed_by",
    "services",
    "condition",
    "condition_reason",
    "condition_since",
    "astray_since",
]


@events.operation
def observe(worker: Worker, seen: dict[str, Any]) -> int:
    """Take in one observation; answers the environment's desired version.

    A worker speaks for the apps placed on its host and for no others. Measurements are not events; a condition that
    changes is one.
    """
    environment = Environment.objects.get(pk=worker.environment_id)
    now = clock.now()
    told = {str(one.get("app_id")): one for one in _dicts(seen.get("slots"))}
    missing = {str(one) for one in seen.get("missing") or [] if isinstance(one, str)}
    slots = list(
        Slot.objects.filter(environment=environment, placement=worker.host_id)
        .select_related("live__release", "app")
        .order_by("id")
        .select_for_update(no_key=True, of=("self",))
    )
    busy = _deploying(environment)
    known = _known_deployments(environment, told)
    looks_new: dict[uuid.UUID, list[str]] = defaultdict(list)
    for slot in slots:
        before = judging.look_of(slot)
        one = told.get(str(slot.app_id))
        _note(slot, one, known, worker=worker, now=now)
        if environment.state == State.RUNNING and slot.live is not None and slot.app_id not in busy:
            judging.judge(slot, environment, now=now, gone=str(slot.live_id) in missing)
        elif environment.state != State.RUNNING:
            judging.rest(slot)
        if judging.look_of(slot) != before:
            looks_new[slot.app.project_id].append(f"app:{slot.app_id}")
    Slot.objects.bulk_update(slots, SLOT_FIELDS)
    # Measurements come often: only the pieces that draw them are to be fetched anew.
    if _measure(environment, worker, seen.get("resources"), now=now):
        hints.ring(environment.organization_id, [f"metrics:{environment.pk}"])
    for project_id, apps in looks_new.items():
        hints.ring(environment.organization_id, [f"environment:{environment.pk}", *apps], project_id=project_id)
    return desires.version(environment.pk)


def _note(
    slot: Slot, one: dict[str, Any] | None, known: dict[str, uuid.UUID], *, worker: Worker, now: datetime
) -> None:
    """What is there now, with what is remembered of a service over observations of the same deployment."""
    deployment_id = known.get(str(one.get("deployment_id"))) if one else None
    remembered = {service["name"]: service for service in slot.services} if deployment_id == slot.observed_id else {}
    services = []
    for service in _dicts(one.get("services") if one else None)[:100]:
        fresh = _service(service)
        old = remembered.get(fresh["name"])
        if old and (fresh["restarts"] or 0) > (old.get("restarts") or 0):
            fresh["restarted_at"] = now.isoformat()
        elif old and old.get("restarted_at"):
            fresh["restarted_at"] = old["restarted_at"]
        services.append(fresh)
    slot.observed_id = deployment_id
    slot.observed_at, slot.observed_by, slot.services = now, worker.pk, services


def _service(told: dict[str, Any]) -> dict[str, Any]:
    """The known fields of a service, of the right kind and length, whatever a worker sends."""
    kept: dict[str, Any] = {}
    for name, (kind, longest) in SERVICE_FIELDS.items():
        value = told.get(name)
        if kind is str:
            kept[name] = str(value).replace("\0", "")[:longest] if value is not None else None
        else:
            number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15
            kept[name] = kind(value) if number else None
    kept["name"] = kept["name"] or ""
    return kept


def _known_deployments(environment: Environment, told: dict[str, dict[str, Any]]) -> dict[str, uuid.UUID]:
    """The deployments a worker names, as far as they belong to this environment and that app."""
    wanted = {}
    for app_id, one in told.items():
        try:
            wanted[uuid.UUID(str(one.get("deployment_id")))] = uuid.UUID(app_id)
        except ValueError:
            continue
    rows = environment.deployments.filter(pk__in=list(wanted)).values_list("pk", "app_id")
    return {str(pk): pk for pk, app_id in rows if wanted[pk] == app_id}


def _deploying(environment: Environment) -> set[uuid.UUID | None]:
    """Apps with a deployment or restart on its way: what is seen of them changes on purpose."""
    return set(
        Run.objects.filter(
            environment=environment, kind__in=WORKER_KINDS, app__isnull=False, phase__in=UNFINISHED
        ).values_list("app_id", flat=True)
    )


def _measure(environment: Environment, worker: Worker, resources: Any, *, now: datetime) -> bool:
    """Keep what the environment's processes use, over all its workers, at most every 15 seconds."""
    mine = _used(resources)
    last = Sample.objects.filter(environment=environment).order_by("-at").values_list("at", flat=True).first()
    due = last is None or now - last >= SAMPLE_EVERY
    if due:
        others = (
            Worker.objects.filter(environment=environment, ended_at=None, lease_until__gt=now)
            .exclude(pk=worker.pk)
            .values_list("system_info", flat=True)
        )
        parts = [mine, *(_used(info.get("resources")) for info in others)]
        total: dict[str, Any] = {name: sum(part[name] for part in parts) for name in mine}
        Sample.objects.create(environment=environment, at=now, **total)
        Environment.objects.filter(pk=environment.pk).update(resources=total)
    room = disk.read(resources.get("disk")) if isinstance(resources, dict) else None
    if disk.is_scarce(room) != disk.is_scarce(disk.known(worker.system_info)):
        hints.ring(environment.organization_id, [f"environment:{environment.pk}"])
    seen = mine | ({"disk": room} if room else {})
    Worker.objects.filter(pk=worker.pk).update(system_info=worker.system_info | {"resources": seen})
    return due


def _used(told: Any) -> dict[str, float]:
    """`{cpu, memory, storage}` of whatever was sent: a worker's words about itself are only words."""
    given = told if isinstance(told, dict) else {}
    return {
        "cpu": max(0.0, min(_number(given.get("cpu")), 1e6)),
        "memory": int(max(0.0, min(_number(given.get("memory")), 1e15))),
        "storage": int(max(0.0, min(_number(given.get("storage")), 1e15))),
    }


def _number(value: Any) -> float:
    good = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e18
    return float(value) if good else 0.0


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
