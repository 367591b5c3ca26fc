"""What nothing on this stack can be faster than: a bare ASGI point read, and a Django page of one query and 50 rows.

Both are pinned: a change here changes the meaning of every figure that came before.
"""

import os
from typing import Any

import django
import psycopg
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from config.front.pool import Pool

django.setup()

from environments.models import Environment  # noqa: E402  (models need the settings that setup reads)


def page(request: HttpRequest) -> HttpResponse:
    rows = Environment.objects.filter(organization_id=os.environ["BENCH_ORGANIZATION"]).order_by("created_at", "id")
    rows = rows.only("name", "state", "provisioner", "tier", "created_by", "created_at")
    return render(request, "floor.html", {"rows": rows[:50]})


urlpatterns = [path("page", page)]


class Floors:
    """`/bare` answers one row read by primary key; `/page` is Django on the product's own pool of threads."""

    def __init__(self) -> None:
        self.pool = Pool(WSGIHandler())
        self.connection: psycopg.Connection[Any] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] != "/bare":
            await self.pool(scope, receive, send)
            return
        if self.connection is None:
            self.connection = psycopg.connect(settings.DATABASE_URL_FOR_FLOORS, autocommit=True, prepare_threshold=0)
        found = self.connection.execute(
            "SELECT name FROM environments_environment WHERE id = %s", [os.environ["BENCH_ENVIRONMENT"]]
        ).fetchone()
        body = str(found[0] if found else "").encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": body})


connections["default"].settings_dict["CONN_MAX_AGE"] = 60
application = Floors()
