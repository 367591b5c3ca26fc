"""Couriers: messages that hold an id and nothing else. The row is the queue; a message only rings the bell."""

import logging
import threading

from celery import Task, shared_task
from django.conf import settings
from django.db import transaction
from kombu.connection import Connection

from environments.doing import overtaking, performing
from environments.models import Run
from projects import broker

logger = logging.getLogger(__name__)

QUEUE = "towpath"
# A broker that is dead or frozen must never keep a request that has committed.
IMPATIENT = {
    "socket_timeout": broker.TIMEOUT,
    "socket_connect_timeout": broker.TIMEOUT,
    "retry_on_timeout": False,
    "max_retries": 0,
    "connect_retries_timeout": broker.TIMEOUT,
}


@shared_task(name="towpath.carry", ignore_result=True)
def carry(run_id: str) -> None:
    performing.perform(run_id)
    performing.perform_all()


@shared_task(name="towpath.settle", ignore_result=True)
def settle() -> None:
    overtaking.settle_all()


def ring_for_configuration() -> None:
    """Once it is committed, somebody compares what runs with what holds now."""
    transaction.on_commit(lambda: _BELL.ring(settle), robust=True)


def ring(run: Run) -> None:
    """Send a courier for the run once it is committed: best effort, quick, never raised."""
    if run.carried_by == Run.CarriedBy.CONTROL:
        transaction.on_commit(lambda: _BELL.ring(carry, str(run.id)), robust=True)


class _Bell:
    """It keeps its connection; after a failure it rests with all that asks the broker."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: Connection | None = None

    def ring(self, courier: Task, *given: str) -> None:
        # Who finds it ringing already does not wait: what is not rung for is found by looking.
        if broker.rests() or not self._lock.acquire(timeout=broker.TIMEOUT):
            return
        try:
            if self._connection is None:
                self._connection = Connection(
                    settings.REDIS_URL, transport_options=IMPATIENT, connect_timeout=broker.TIMEOUT
                )
            courier.apply_async(given, connection=self._connection, queue=QUEUE, retry=False)
        except Exception as error:  # whatever the broker's library raises: the row is written
            broker.leave_alone(error)
            self._forget()
        finally:
            self._lock.release()

    def _forget(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.collect(socket_timeout=broker.TIMEOUT)
            except Exception as error:
                logger.debug("The broken connection could not be closed: %r", error)


_BELL = _Bell()
