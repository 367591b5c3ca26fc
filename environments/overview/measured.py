"""What an environment's processes use and where they answer: resources, endpoints, the last hour's measurements."""

from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from environments import statuses
from environments.models import Endpoint, Environment, Sample, Slot
from environments.overview import sizes, slots, sparklines
from projects import access, scopes
from projects.access import Actor, Permission

WINDOW = timedelta(minutes=60)
STALE = timedelta(seconds=60)


def visible(actor: Actor) -> Q:
    """What an app has in an environment, where the actor may see that app there."""
    return scopes.rows(actor, project="app__project", environment="environment")


def resources(environment: Environment, actor: Actor) -> dict[str, Any]:
    """Services and workers with what their processes really use: CPU in cores, memory in bytes."""
    rows: list[dict[str, Any]] = []
    rests = environment.state not in statuses.SERVING
    found = Slot.objects.filter(visible(actor), environment=environment, live__isnull=False).select_related("app")
    for slot in found.order_by("app__name", "id")[:500]:
        may = access.allows(
            actor,
            Permission.DEPLOY,
            project_id=slot.app.project_id,
            environment_id=environment.id,
            protected=environment.protected,
        )
        rows += [
            {
                "name": f"{slot.app.name} / {service['name']}",
                "kind": "Service",
                "status": slots.service_state(environment, service.get("state", "stopped")),
                # A stop that was asked for needs no last words.
                "note": "" if rests else _note(service),
                "cpu": "" if rests else sizes.cores(service.get("cpu")),
                "memory": "" if rests else sizes.data(service.get("memory")),
                "why": slots.obstacle(environment),
                "app_id": slot.app_id,
                "service": service["name"],
                "may": may,
            }
            for service in slot.services
        ]
    return {
        "resources": rows,
        "restartable": any(row["may"] and not row["why"] for row in rows),
        "used": _used(environment.resources),
    }


def _note(service: dict[str, Any]) -> str:
    if service.get("state") in ("running", "starting"):
        return ""
    line = f"{statuses.LAST_LINE}{service['line']}" if service.get("line") else ""
    return " · ".join(part for part in (service.get("exit") or "", line) if part)


def _used(observed: dict[str, Any]) -> dict[str, str]:
    return {
        "cpu": sizes.cores(observed.get("cpu")),
        "memory": sizes.data(observed.get("memory")),
        "storage": sizes.data(observed.get("storage")),
    }


def endpoints(environment: Environment, actor: Actor) -> dict[str, Any]:
    """Addresses with the state of the service behind each."""
    found = (
        Endpoint.objects.filter(visible(actor), environment=environment, released_at__isnull=True)
        .select_related("app", "host")
        .order_by("app__name", "service", "id")[:500]
    )
    services = {
        (slot.app_id, service["name"]): service.get("state", "stopped")
        for slot in Slot.objects.filter(environment=environment, live__isnull=False).only("app_id", "services")
        for service in slot.services
    }
    rows = [
        _endpoint(environment, endpoint, services.get((endpoint.app_id, endpoint.service), "pending"))
        for endpoint in found
    ]
    return {"endpoints": rows, "endpoints_ready": sum(row["status"] == "ready" for row in rows)}


def _endpoint(environment: Environment, endpoint: Endpoint, observed: str) -> dict[str, Any]:
    """`why` it does not answer, where it does not."""
    state = slots.service_state(environment, observed)
    status = "ready" if state == "running" else state
    word = statuses.status_of(status).word.lower()
    return {
        "name": f"{endpoint.app.name} / {endpoint.service}",
        "url": endpoint.url,
        "short": endpoint.url.removeprefix("http://"),
        "status": status,
        "why": "" if status == "ready" else slots.obstacle(environment) or f"{endpoint.service} is {word}.",
    }


def metrics(environment: Environment, actor: Actor) -> dict[str, Any]:
    """The last hour of CPU, memory and storage as sparklines; what is not measured any more has no value."""
    now = timezone.now()
    samples = list(Sample.objects.filter(environment=environment, at__gt=now - WINDOW).order_by("at")[:2000])
    last = samples[-1].at if samples else None
    used = _used(environment.resources if environment.state in statuses.SERVING else {})
    lines = [
        ("CPU", used["cpu"], "cores", [sample.cpu for sample in samples]),
        ("Memory", used["memory"], "", [float(sample.memory) for sample in samples]),
        ("Storage", used["storage"], "", [float(sample.storage) for sample in samples]),
    ]
    moments = [1 - (now - sample.at) / WINDOW for sample in samples]
    return {
        "metrics": [
            {"name": name, "value": value, "unit": unit if value else "", "line": line, "area": area}
            for name, value, unit, values in lines
            for line, area in [sparklines.paths(list(zip(moments, values, strict=True)))]
        ],
        "sampled": bool(samples),
        "stale_since": last if last and now - last > STALE else None,
    }
