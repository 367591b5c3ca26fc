"""Lists read page by page: a total order, and a cursor that stays right while rows come and go."""

import uuid
from datetime import datetime
from typing import TypeVar, cast

from django.conf import settings
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from pydantic import BaseModel, Field

from projects import marks
from projects.rest.bodies import ApiRequest

M = TypeVar("M", bound=Model)


class Paging(BaseModel):
    """Query parameters of every list."""

    limit: int = Field(100, ge=1, le=1000, description="How many rows, 1 to 1000.")
    cursor: str = Field("", description="Where the next page begins, from the Link header of the one before.")
    skip: int = Field(0, ge=0, le=1_000_000, description="Rows to leave out at the beginning.")


def page(
    request: HttpRequest, rows: QuerySet[M], paging: Paging, *, newest_first: bool = False, at: str = "created_at"
) -> list[M]:
    """At most `paging.limit` rows ordered by (`at`, id). The next page's address goes into the Link header."""
    rows = rows.order_by(f"-{at}", "-pk") if newest_first else rows.order_by(at, "pk")
    if paging.cursor:
        moment, ident = marks.read(paging.cursor, datetime, uuid.UUID)
        word = "lt" if newest_first else "gt"
        rows = rows.filter(
            Q(**{f"{at}__{word}e": moment}), Q(**{f"{at}__{word}": moment}) | Q(**{at: moment, f"pk__{word}": ident})
        )
    found = list(rows[paging.skip : paging.skip + paging.limit + 1])
    if len(found) > paging.limit:
        found = found[: paging.limit]
        link(request, marks.write(getattr(found[-1], at), found[-1].pk))
    return found


def link(request: HttpRequest, cursor: str) -> None:
    """Say that the list goes on at `cursor`."""
    query = request.GET.copy()
    query.pop("skip", None)
    query["cursor"] = cursor
    address = settings.TOWPATH_PUBLIC_URL or request.build_absolute_uri("/").rstrip("/")
    cast(ApiRequest, request).link_next = f"{address}{request.path}?{query.urlencode()}"
