"""What this machine can give an environment: its record, a place on it, stretches of ports, users of its own."""

import os
import socket
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from environments.models import Account, Environment, Host
from projects.errors import Conflict, Exhausted
from projects.models import Project

BLOCK = 40
# Numbers of users in an installation's range; the last one is its proxy's own, what follows another installation's.
UIDS = 100_000
LEASE = timedelta(seconds=30)
# A machine that was not heard of for this long is taken for gone: what waits for it alone is given up.
GONE_AFTER = timedelta(minutes=10)


class NoHost(Conflict):
    code = "no-host"


def local() -> Host:
    """The record of the machine this installation runs on, as the installation describes it today."""
    found = settings.INSTALLATION
    if not found.id or not found.environments_root:
        raise NoHost(
            "This control plane was not started by `make up`, so nothing can be provisioned beside it; "
            "create the environment with the provisioner `external` and join a worker to it."
        )
    facts = {
        "name": socket.gethostname(),
        "address": found.address,
        "endpoint_first": found.endpoint_first,
        "endpoint_count": found.endpoint_count,
        "service_first": found.service_first,
        "service_count": found.service_count,
        "isolated": found.isolated,
        "isolation_note": found.isolation_note,
    }
    host, _ = Host.objects.get_or_create(id=found.id, defaults={**facts, "next_uid": found.uid_first})
    changed = {name: value for name, value in facts.items() if getattr(host, name) != value}
    if changed:
        Host.objects.filter(pk=host.pk).update(**changed)
        host.refresh_from_db()
    return host


def usual_provisioner() -> str:
    """What makes an environment real where nobody says: this machine, where the installation has one."""
    return "process" if settings.INSTALLATION.id else "external"


def keep_alive() -> None:
    """Renew this machine's lease; a control plane that provisions nothing has none."""
    try:
        host = local()
    except NoHost:
        return
    Host.objects.filter(pk=host.pk).update(lease_until=Now() + LEASE)


def gone(host: Host) -> bool:
    """Whether an installation's own machine was not heard of for so long that nobody waits for it any more."""
    return Host.objects.filter(pk=host.pk, lease_until__lt=Now() - GONE_AFTER).exists()


@transaction.atomic
def place(environment: Environment) -> Host:
    """Give the environment its place: host, directory and a stretch of ports; what it has already it keeps."""
    host = locked(environment.host or local())
    environment.refresh_from_db()
    if environment.host_id and environment.service_count:
        return host
    first = free_block(host)
    Environment.objects.filter(pk=environment.pk).update(
        host=host,
        directory=str(Path(settings.INSTALLATION.environments_root) / str(environment.id)),
        service_first=first,
        service_count=BLOCK,
    )
    environment.refresh_from_db()
    return host


def free_block(host: Host) -> int:
    """Where a stretch of ports begins that no environment on the host has."""
    taken = set(
        Environment.objects.filter(host=host, service_count__gt=0, terminated_at__isnull=True).values_list(
            "service_first", flat=True
        )
    )
    last = host.service_first + host.service_count - BLOCK
    for first in range(host.service_first, last + 1, BLOCK):
        if first not in taken:
            return first
    raise Exhausted(
        f"{host.name} has room for {host.service_count // BLOCK} environments and all places are taken; "
        "delete one that is not needed any more, then retry."
    )


@transaction.atomic
def account(environment: Environment, project: Project | None = None) -> Account:
    """The user of the environment's worker, or of one project in it; a user id is never given twice."""
    assert environment.host is not None
    host = locked(environment.host)
    found = Account.objects.filter(environment=environment, project=project).first()
    if found and found.removed_at is None:
        return found
    uid = None
    if host.isolated and os.geteuid() == 0:
        uid = host.next_uid
        if uid >= settings.INSTALLATION.uid_first + UIDS - 1:
            raise Exhausted(
                f"All {UIDS - 1} user numbers of {host.name} have been given, and none is given twice; "
                "create the environment with the provisioner `external` and join workers to it."
            )
        Host.objects.filter(pk=host.pk).update(next_uid=F("next_uid") + 1)
    if found is None:
        return Account.objects.create(environment=environment, project=project, host=host, uid=uid)
    found.uid, found.removed_at, found.prepared_at = uid, None, None
    found.save(update_fields=["uid", "removed_at", "prepared_at"])
    return found


def prepared(found: Account) -> None:
    Account.objects.filter(pk=found.pk).update(prepared_at=timezone.now())


def removed(environment: Environment) -> None:
    """Nothing on the host bears the environment's users any more; the rows stay, so that no id comes again."""
    Account.objects.filter(environment=environment, removed_at__isnull=True).update(removed_at=timezone.now())


def locked(host: Host) -> Host:
    """Its row as it is now, held until the transaction ends by whoever gives something of the machine away."""
    return Host.objects.select_for_update(no_key=True).get(pk=host.pk)
