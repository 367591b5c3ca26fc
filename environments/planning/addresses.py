"""Addresses of apps: (environment, app, service) keeps one port of its host for life."""

from collections.abc import Iterable

from django.db.models import Count, F, Max, Q, QuerySet
from django.db.models.functions import Now

from environments.models import Endpoint, Environment, Host, Slot, Worker
from projects.errors import Exhausted
from projects.models import App, Release


def host_for(environment: Environment, slot: Slot | None) -> Host | None:
    """Where the app lives, or would: its placement, the environment's host, else that of a worker alive there."""
    if slot is not None and slot.placement is not None:
        return slot.placement
    if environment.host is not None:
        return environment.host
    worker = (
        Worker.objects.filter(environment=environment, ended_at=None, lease_until__gt=Now(), host__isnull=False)
        .select_related("host")
        .order_by("registered_at", "id")
        .first()
    )
    return None if worker is None else worker.host


def wanting(app: App, environment: Environment, release: Release, *, host: Host) -> list[str]:
    """The release's services that listen and have no address on this host yet."""
    given = Endpoint.objects.filter(app=app, environment=environment, host=host, released_at=None)
    have = set(given.values_list("service", flat=True))
    return [name for name in _listening(release) if name not in have]


def suffice(given: Iterable[Endpoint], release: Release, *, host: Host) -> bool:
    """Whether these, all that the app has in an environment, are on this host and have one for each that listens."""
    have = {one.service: one.host_id for one in given}
    return set(_listening(release)) <= have.keys() and set(have.values()) <= {host.pk}


def free(host: Host) -> int:
    """How many addresses the host has left."""
    taken: int = _taken(host).aggregate(ports=Count("port", distinct=True))["ports"]
    return host.endpoint_count - taken


def allocate(app: App, environment: Environment, release: Release, *, host: Host) -> list[Endpoint]:
    """Give every listening service of the release its address; Exhausted when the host's range is used up.

    The host's row is locked, so that two deployments cannot take one port. Ports that were never used come first and
    the longest released after them: a bookmark of a removed app leads nowhere rather than to another app.
    What it had on another host, where nothing of it became live, it has no more.
    """
    elsewhere = Endpoint.objects.filter(app=app, environment=environment, released_at=None).exclude(host=host)
    elsewhere.update(released_at=Now())
    names = wanting(app, environment, release, host=host)
    if not names:
        return []
    # Most deployments need no new address and wait for nobody; what is missing is judged again behind the lock.
    Host.objects.select_for_update(no_key=True).get(pk=host.pk)
    names = wanting(app, environment, release, host=host)
    taken = set(_taken(host).values_list("port", flat=True))
    released = dict(
        Endpoint.objects.filter(host=host, released_at__isnull=False)
        .values("port")
        .annotate(last=Max("released_at"))
        .values_list("port", "last")
    )
    ports = [port for port in range(host.endpoint_first, host.endpoint_first + host.endpoint_count)]
    ports = sorted(set(ports) - taken, key=lambda port: (port in released, released.get(port), port))
    if len(ports) < len(names):
        raise Exhausted(used_up(host, wanted=len(names)), code="addresses-used-up")
    return Endpoint.objects.bulk_create(
        [
            Endpoint(
                organization_id=app.organization_id,
                environment=environment,
                app=app,
                service=name,
                host=host,
                port=port,
            )
            for name, port in zip(names, ports, strict=False)
        ]
    )


def used_up(host: Host, *, wanted: int) -> str:
    """What to do about it depends on whose machine it is: the control plane's own lays out more when it starts."""
    remedy = "remove an app there" if host.organization_id else "remove an app, or restart Towpath, which lays out more"
    few = f"{free(host)} of its {host.endpoint_count} addresses {'is' if free(host) == 1 else 'are'} free"
    return f"{host.name} has too few addresses left: {few} and {wanted} needed; {remedy}."


def release_all(app: App, environment: Environment) -> int:
    """Free the app's addresses there; the next app may be given them."""
    return Endpoint.objects.filter(app=app, environment=environment, released_at=None).update(released_at=Now())


def _listening(release: Release) -> list[str]:
    return [service["name"] for service in release.manifest["services"] if service.get("port", True)]


def _taken(host: Host) -> QuerySet[Endpoint]:
    """Also one that was released while its file still leads to what it led to: whoever got it would answer as that."""
    return Endpoint.objects.filter(
        Q(released_at=None) | Q(linked_at__isnull=False),
        host=host,
        port__gte=F("host__endpoint_first"),
        port__lt=F("host__endpoint_first") + F("host__endpoint_count"),
    )
