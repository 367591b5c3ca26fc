"""What the tests of a file begin with, when building it takes longer than they do: built once, and theirs alone."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from pytest_django import DjangoDbBlocker

from environments.models import Worker
from environments.runs.clock import ClockTime
from environments.runs.lease import LEASE


def built_once(build: Callable[[], Any]) -> Any:
    """A fixture of the module: what `build` makes in a transaction around its tests, each of which rolls back to it.

    Not where a test needs real transactions: other connections see nothing of it. Tests are given `fresh` copies.
    """

    @pytest.fixture(scope="module")
    def built(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Any]:
        around = transaction.atomic()
        with django_db_blocker.unblock():
            around.__enter__()
            made = build()
            connection.check_constraints()  # those that wait for the end judge now, and not in each test again
        yield made
        with django_db_blocker.unblock():
            transaction.set_rollback(True)
            around.__exit__(None, None, None)

    return built


def fresh(built: Any) -> Any:
    """As if it had been built now: changed by no other test, and its workers were heard of a moment ago."""
    Worker.objects.filter(ended_at=None).update(lease_until=ClockTime() + LEASE, last_heartbeat_at=ClockTime())
    return copy.deepcopy(built)
