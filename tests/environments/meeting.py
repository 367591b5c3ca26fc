"""Two who meet at a lock: one has changed a row and not committed yet, the other has begun and waits for it."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connection, transaction

from projects.errors import Refused
from tests.patience import patience

WAITING = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid)))"


def behind(
    change: Callable[[], object], act: Callable[[], Any], *, meanwhile: Callable[[], object] = lambda: None
) -> Any:
    """What `act` gets, a result or its refusal, when it has to wait for what `change` holds.

    `meanwhile` is done by the one who holds it: what `act` must not have locked yet.
    """
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            change()
            other = pool.submit(_alone, act)
            until = time.monotonic() + patience(8)
            while not other.done() and not _waiting() and time.monotonic() < until:
                time.sleep(0.02)
            meanwhile()
        return other.result(30)


def _alone(act: Callable[[], Any]) -> Any:
    try:
        return act()
    except Refused as refusal:
        return refusal
    finally:
        connection.close()


def _waiting() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(WAITING)
        return bool(cursor.fetchone()[0])
