"""One row by a statement that is written once, for what every page begins with: to compose it anew takes twice as long
as to run it."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.db import connection, models

M = TypeVar("M", bound=models.Model)


def lookup(model: type[M], condition: str) -> Callable[..., M | None]:
    """The function that takes the condition's values and answers the row, or None."""
    fields = [field.attname for field in model._meta.concrete_fields]
    columns = ", ".join(str(field.column) for field in model._meta.concrete_fields)
    statement = f"SELECT {columns} FROM {model._meta.db_table} WHERE {condition}"

    def look(*values: Any) -> M | None:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            found = cursor.fetchone()
        return model.from_db(connection.alias, fields, found) if found else None

    return look
