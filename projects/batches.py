"""Forgetting many rows without one long transaction."""

from typing import Any

from django.db.models import QuerySet

SIZE = 1000
MOST = 100


def forget(rows: QuerySet[Any]) -> int:
    """Delete these rows, a thousand in a statement and a hundred thousand at most; who looks again takes the rest."""
    gone = 0
    for _ in range(MOST):
        found, _ = rows.model._base_manager.filter(pk__in=rows.order_by().values("pk")[:SIZE]).delete()
        gone += found
        if found < SIZE:
            break
    return gone
