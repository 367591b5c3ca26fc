"""Which machines workers join from, and in which states of an environment they may."""

import re
import uuid
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from environments.models import Environment, Host, State, Worker
from projects.errors import Conflict, Invalid

NEWCOMERS = {State.RUNNING}
RETURNING = {State.PROVISIONING, State.RUNNING, State.STOPPING, State.STOPPED, State.ERROR}
PLACED = RETURNING  # a built-in worker comes when the control plane starts it
NAMESPACE_STATUS = {
    State.PENDING: "pending",
    State.PROVISIONING: "provisioning",
    State.RUNNING: "ready",
    State.SLEEPING: "ready",
    State.HIBERNATING: "ready",
    State.STOPPING: "ready",
    State.STOPPED: "ready",
    State.ERROR: "error",
    State.TERMINATING: "terminating",
}
ADDRESS = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,198}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\]")
MOST_ENDPOINTS = 2000


class Elsewhere(Conflict):
    code = "machine-known-elsewhere"


@dataclass(frozen=True)
class Machine:
    """What a joining worker says of the machine it runs on; `id` is kept in a file there."""

    id: uuid.UUID
    address: str
    endpoint_first: int
    endpoint_count: int
    name: str


def recognise(environment: Environment, machine: Machine) -> Host:
    """The machine's record, made at its first worker.

    A machine belongs to the environment that it joined first: another one's token can neither move its address nor
    take its ports.
    """
    _check(machine)
    host = Host.objects.filter(pk=machine.id).first() or _first_seen(environment, machine)
    used_elsewhere = Worker.objects.filter(host=host).exclude(environment=environment).exists()
    if host.organization_id != environment.organization_id or used_elsewhere:
        raise Elsewhere("This machine's id belongs to another environment; start the worker in a directory of its own.")
    if host.address != machine.address:
        Host.objects.filter(pk=host.pk).update(address=machine.address)
        host.address = machine.address
    return host


def _first_seen(environment: Environment, machine: Machine) -> Host:
    try:
        with transaction.atomic():
            return Host.objects.create(
                id=machine.id,
                organization_id=environment.organization_id,
                name=machine.name[:200],
                address=machine.address,
                endpoint_first=machine.endpoint_first,
                endpoint_count=machine.endpoint_count,
            )
    except IntegrityError:
        return Host.objects.get(pk=machine.id)


def _check(machine: Machine) -> None:
    if not ADDRESS.fullmatch(machine.address):
        raise Invalid.field("host.address", "a host name or an IP address")
    last = machine.endpoint_first + machine.endpoint_count - 1
    none = machine.endpoint_count == 0
    if not none and not (machine.endpoint_first >= 1024 and last <= 65535 and machine.endpoint_count <= MOST_ENDPOINTS):
        raise Invalid.field("host.endpoint_first", f"at most {MOST_ENDPOINTS} ports between 1024 and 65535")
