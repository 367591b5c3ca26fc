"""The database's clock, the only one that leases, claims and ends are measured by."""

from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import DateTimeField, Func


class ClockTime(Func):
    """`clock_timestamp()`: unlike `now()` it moves on while a statement waits for a lock."""

    function = "clock_timestamp"
    template = "%(function)s()"
    arity = 0

    def __init__(self, **extra: Any) -> None:
        super().__init__(output_field=DateTimeField(), **extra)


def now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
        return moment
