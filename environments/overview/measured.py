"""What an environment's processes use and where they answer: resources, endpoints, the last hour's measurements."""

from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.db.models.functions import Now

from environments.models import Endpoint, Environment, Sample, Slot
from environments.overview import sizes, sparklines
from projects import access, scopes
from projects.access import Actor, Permission

WINDOW = timedelta(minutes=60)


def visible(actor: Actor) -> Q:
    """What an app has in an environment, where the actor may see that app there."""
    return scopes.rows(actor, project="app__project", environment="environment")


def resources(environment: Environment, actor: Actor) -> dict[str, Any]:
    """Services and workers with what their processes really use: CPU in cores, memory in bytes."""
    rows: list[dict[str, Any]] = []
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
                "status": service.get("state", "stopped"),
                "note": _note(service),
                "cpu": sizes.cores(service.get("cpu")),
                "memory": sizes.data(service.get("memory")),
                "app_id": slot.app_id,
                "service": service["name"],
                "may": may,
            }
            for service in slot.services
        ]
    return {"resources": rows, "used": _used(environment.resources)}


def _note(service: dict[str, Any]) -> str:
    said = " · ".join(part for part in (service.get("exit") or "", service.get("line") or "") if part)
    return said if service.get("state") not in ("running", "starting") else ""


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
        {
            "name": f"{endpoint.app.name} / {endpoint.service}",
            "url": endpoint.url,
            "short": endpoint.url.removeprefix("http://"),
            "status": "ready"
            if (state := services.get((endpoint.app_id, endpoint.service), "pending")) == "running"
            else state,
        }
        for endpoint in found
    ]
    return {"endpoints": rows, "endpoints_ready": sum(row["status"] == "ready" for row in rows)}


def metrics(environment: Environment, actor: Actor) -> dict[str, Any]:
    """The last hour of CPU, memory and storage as sparklines."""
    samples = list(Sample.objects.filter(environment=environment, at__gt=Now() - WINDOW).order_by("at")[:2000])
    used = _used(environment.resources)
    lines = [
        ("CPU", used["cpu"], "cores", [sample.cpu for sample in samples]),
        ("Memory", used["memory"], "", [float(sample.memory) for sample in samples]),
        ("Storage", used["storage"], "", [float(sample.storage) for sample in samples]),
    ]
    return {
        "metrics": [
            {"name": name, "value": value, "unit": unit, "path": sparklines.path(values)}
            for name, value, unit, values in lines
        ],
        "sampled": bool(samples),
    }
