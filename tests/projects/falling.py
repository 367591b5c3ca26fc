"""A deadlock in the middle of an operation, of which the database makes this one the victim."""

from types import ModuleType
from typing import Any

import pytest
from django.db import connection

DEADLOCK = "DO $$ BEGIN RAISE EXCEPTION 'victim' USING ERRCODE = 'deadlock_detected'; END $$"


def deadlock_once(patched: pytest.MonkeyPatch, room: ModuleType, name: str) -> list[int]:
    """The first call of this function ends in a deadlock; in what is returned there is one entry once it has."""
    act, fallen = getattr(room, name), list[int]()

    def falling(*args: Any, **fields: Any) -> Any:
        if not fallen:
            fallen.append(1)
            with connection.cursor() as cursor:
                cursor.execute(DEADLOCK)
        return act(*args, **fields)

    patched.setattr(room, name, falling)
    return fallen
