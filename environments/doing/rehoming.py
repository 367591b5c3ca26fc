"""After a restore: what lived on the machine that the backup was made on, lives on this one from now on."""

import os
import time
import uuid
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import F

from environments import hosts
from environments.doing.progress import Progress
from environments.doing.provisioners import addresses
from environments.models import Account, Endpoint, Environment, Host, Run, Slot, Worker
from environments.runs import seal, sessions
from projects import access, events
from projects.errors import Exhausted
from projects.models import Organization


def rehome(former: uuid.UUID) -> None:
    """Move everything that names the host `former` to this installation's own, which has other ports and users.

    Nothing of what ran there is here: its workers' sessions have ended, and no run is past its point of no return.
    """
    with transaction.atomic():
        old = Host.objects.select_for_update(no_key=True).filter(pk=former).first()
        if old is None:
            return
        new = hosts.local()
        _environments(old, new)
        _users(old, new)
        _addresses(old, new)
        seal.break_open(old)
        Slot.objects.filter(placement=old).update(placement=new)
        Run.objects.filter(host=old).update(host=new)
        Worker.objects.filter(host=old).update(host=new)
        old.delete()
    progress = Progress(lambda text, stream: None, time.monotonic() + 600)
    for environment in Environment.objects.filter(host=new, terminated_at=None):
        # Written down before anything starts, so that the range they are of stays where it is.
        addresses.open_allocated(environment, progress)


@events.operation
def tell(organization: Organization, *, taken_at: str) -> None:
    """End the sessions of the old machine's own workers, and say in the log that it goes on from a backup."""
    by = access.system(organization)
    builtin = Worker.objects.filter(organization=organization, kind=Worker.Kind.BUILTIN, ended_at=None)
    for worker in builtin.select_related("environment", "organization"):
        sessions.end(worker, reason="the installation was restored from a backup", by=by)
    events.record(
        "organization.restored",
        by=by,
        object={"kind": "organization", "id": organization.pk, "name": organization.name},
        taken_at=taken_at,
    )


def _environments(old: Host, new: Host) -> None:
    """Directories and stretches of ports of this machine."""
    root = Path(settings.INSTALLATION.environments_root)
    for environment in Environment.objects.filter(host=old).order_by("service_first", "id"):
        lives = environment.service_count > 0 and environment.terminated_at is None
        Environment.objects.filter(pk=environment.pk).update(
            host=new,
            directory=str(root / str(environment.pk)) if environment.directory else "",
            service_first=hosts.free_block(new) if lives else 0,
            service_count=hosts.BLOCK if lives else 0,
        )


def _users(old: Host, new: Host) -> None:
    """New ones from this installation's own range; numbers of the old one may be somebody else's here."""
    separate = new.isolated and os.geteuid() == 0
    for account in Account.objects.filter(host=old).order_by("uid", "id"):
        uid = new.next_uid if separate and account.removed_at is None else None
        new.next_uid += uid is not None
        Account.objects.filter(pk=account.pk).update(host=new, uid=uid)
    Host.objects.filter(pk=new.pk).update(next_uid=new.next_uid)


def _addresses(old: Host, new: Host) -> None:
    """As many addresses as there were, in their order; what was given back before keeps only its age."""
    given = Endpoint.objects.filter(host=old, released_at=None).order_by("port")
    for n, endpoint in enumerate(given):
        if n >= new.endpoint_count:
            raise Exhausted(f"{new.name} has {new.endpoint_count} addresses and {len(given)} are needed.")
        Endpoint.objects.filter(pk=endpoint.pk).update(host=new, port=new.endpoint_first + n, linked_at=None)
    Endpoint.objects.filter(host=old).update(
        host=new, port=new.endpoint_first + (F("port") - old.endpoint_first) % new.endpoint_count
    )
