"""Addresses of an environment on this machine: one file each, which the proxy reads at every request."""

import os
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from environments import hosts
from environments.doing.progress import Progress
from environments.models import Endpoint, Environment


def open_allocated(environment: Environment, progress: Progress) -> None:
    """A file for the proxy for every address that was allocated: no route is added, nothing is reloaded."""
    close_released()
    folder = Path(settings.TOWPATH_HOME) / "endpoints"
    given = Endpoint.objects.filter(environment=environment, host=environment.host, released_at=None)
    for endpoint in given.select_related("app", "host"):
        current = Path(environment.directory) / "routes" / str(endpoint.app_id) / "current"
        link, target = folder / str(endpoint.port), current / f"{endpoint.service}.address"
        if link.is_symlink() and Path(os.readlink(link)) == target and endpoint.linked_at:
            continue
        _link(link, target)
        Endpoint.objects.filter(pk=endpoint.pk).update(linked_at=Now())
        progress.say(f"{endpoint.app.name} {endpoint.service} will answer at {endpoint.url}.")


def close_released() -> None:
    """Take away the files of addresses on this machine that were released: only then may they be given again."""
    try:
        host = hosts.local()
    except hosts.NoHost:
        return
    released = Endpoint.objects.filter(host=host, released_at__isnull=False, linked_at__isnull=False)
    if not released.exists():
        return
    with transaction.atomic():
        # Whoever gives addresses holds the machine's row too: no file is made here meanwhile.
        hosts.locked(host)
        rows = dict(released.values_list("pk", "port"))  # no others: what is released from now on has its file yet
        ports = set(rows.values())
        again = Endpoint.objects.filter(host=host, released_at=None, linked_at__isnull=False, port__in=ports)
        for port in ports - set(again.values_list("port", flat=True)):
            (Path(settings.TOWPATH_HOME) / "endpoints" / str(port)).unlink(missing_ok=True)
        Endpoint.objects.filter(pk__in=rows).update(linked_at=None)


def _link(link: Path, target: Path) -> None:
    link.parent.mkdir(mode=0o700, exist_ok=True)
    temporary = link.with_name(f".{link.name}.{os.urandom(4).hex()}")
    os.symlink(target, temporary)
    os.replace(temporary, link)


def free_all(environment: Environment, progress: Progress) -> None:
    """The file goes before the row says that the address is free: it may be given away the moment it does."""
    folder = Path(settings.TOWPATH_HOME) / "endpoints"
    given = Endpoint.objects.filter(environment=environment, released_at=None).select_related("host")
    for endpoint in given:
        link = folder / str(endpoint.port)
        if endpoint.host_id == environment.host_id and link.is_symlink() and _leads_into(link, environment):
            link.unlink()
        Endpoint.objects.filter(pk=endpoint.pk, released_at=None).update(released_at=Now(), linked_at=None)
        progress.say(f"{endpoint.url} is free.")
    if not given:
        progress.say("It had no addresses.")


def _leads_into(link: Path, environment: Environment) -> bool:
    return bool(environment.directory) and Path(os.readlink(link)).is_relative_to(environment.directory)
