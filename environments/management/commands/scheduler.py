"""`manage.py scheduler`: looks every two seconds for what nobody reports, and sends couriers for what waits.

Any number may run: a try-lock lets one of them work at a time. It asks the database and never the broker for what is
to be repaired.
"""

import logging
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Any

from django.core.management.base import BaseCommand
from django.db import close_old_connections, connection, connections

from environments import heartbeats, hosts, tasks
from environments.doing import overseeing, retention, sweeping
from environments.doing.provisioners import addresses
from environments.models import Heartbeat, Run
from environments.runs import claim
from projects import artifacts, authentication
from projects.rest import idempotency

logger = logging.getLogger(__name__)

EVERY = 2.0
MINUTE = 60.0
LOCK = 0x746F7770617468  # "towpath"
RING_AGAIN_AFTER = 30.0

_RUNG: dict[uuid.UUID, float] = {}


class Command(BaseCommand):
    help = "Repair what nobody reports: lost leases and workers, work that nobody was rung for, what is stuck."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--once", action="store_true", help="one round, for scripts")

    def handle(self, *args: Any, **options: Any) -> None:
        ended = SimpleQueue[int]()  # whose `put` may interrupt its own `get`
        if not options["once"]:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda number, frame: ended.put(number))
            # It may take a second for each environment; leases do not wait for that.
            threading.Thread(target=_bring_up_to_date, name="bringing up to date", daemon=True).start()
        minute = time.monotonic()
        while ended.empty():
            also_seldom = time.monotonic() >= minute
            if also_seldom:
                minute = time.monotonic() + MINUTE
            work(also_seldom=also_seldom)
            if options["once"]:
                return
            with suppress(Empty):
                ended.get(timeout=EVERY)
                return


def work(*, also_seldom: bool = True) -> bool:
    """One round; False where another scheduler is at it, or the database is away."""
    close_old_connections()
    try:
        hosts.keep_alive()
        # On each machine, whoever does the other chores.
        _guard(addresses.close_released)
        with _alone() as alone:
            if alone:
                for chore in (sweeping.sweep, overseeing.unstick, _send_couriers, retention.sweep):
                    _guard(chore)
                for chore in (sweeping.prune, _forget) if also_seldom else ():
                    _guard(chore)
                heartbeats.beat(Heartbeat.Name.SCHEDULER)
            return alone
    except Exception:
        logger.exception("The round failed; the next one begins soon")
        return False


def _bring_up_to_date() -> None:
    try:
        _guard(overseeing.bring_up_to_date)
    finally:
        connection.close()


def _guard(chore: Callable[[], object]) -> None:
    """One chore that fails must not keep the others from being done."""
    try:
        chore()
    except Exception:
        logger.exception("%s failed; it is tried again", getattr(chore, "__name__", chore))


def _send_couriers() -> None:
    """For what waits, at most one message in half a minute: while nobody takes them they must not pile up."""
    now = time.monotonic()
    for run_id in [one for one, rung_at in _RUNG.items() if now - rung_at > RING_AGAIN_AFTER]:
        del _RUNG[run_id]
    for run in Run.objects.filter(pk__in=claim.waiting_for_control(limit=20)).exclude(pk__in=list(_RUNG)):
        _RUNG[run.pk] = now
        tasks.ring(run)


def _forget() -> None:
    idempotency.forget()
    authentication.forget_sessions()
    artifacts.sweep()


@contextmanager
def _alone() -> Iterator[bool]:
    """A lock that ends with its transaction, on a connection of its own: each chore has transactions of its own."""
    locking = connections.create_connection("default")
    try:
        locking.set_autocommit(False)
        with locking.cursor() as cursor:
            # Its chores may take longer than any other transaction may rest.
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
            row = cursor.fetchone()
        yield bool(row and row[0])
        locking.rollback()
    finally:
        locking.close()
