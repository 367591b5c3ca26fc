"""What nothing on this stack can be faster than: point reads, a page of 50 rows, one row written, one fan-out.

They are pinned: a change here changes the meaning of every figure that came before.
"""

import asyncio
import os
from typing import Any

import django
import psycopg
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection, connections
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import path
from redis.asyncio import Redis

from config.front.pool import Pool

django.setup()

from environments.models import Environment  # noqa: E402  (models need the settings that setup reads)

CHANNEL = "bench-floor"


def page(request: HttpRequest) -> HttpResponse:
    rows = Environment.objects.order_by("created_at", "id")
    if organization := os.environ.get("BENCH_ORGANIZATION"):
        rows = rows.filter(organization_id=organization)
    rows = rows.only("name", "state", "provisioner", "tier", "created_by", "created_at")
    return render(request, "floor.html", {"rows": rows[:50]})


def point(request: HttpRequest) -> HttpResponse:
    """One row by its key, as JSON."""
    row = Environment.objects.only("name", "state", "tier", "created_at").get(pk=os.environ["BENCH_ENVIRONMENT"])
    told = {"id": row.pk, "name": row.name, "state": row.state, "tier": row.tier, "created_at": row.created_at}
    return JsonResponse(told)


def write(request: HttpRequest) -> HttpResponse:
    """One row, committed."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO bench_floor DEFAULT VALUES")
    return HttpResponse(status=204)


urlpatterns = [path("page", page), path("point", point), path("write", write)]


class Floors:
    """`/bare` answers one row read by primary key, `/stream` sends on what is published; the rest is Django's.

    Django stands on the product's own pool of threads.
    """

    def __init__(self) -> None:
        self.pool = Pool(WSGIHandler())
        self.connection: psycopg.Connection[Any] | None = None
        self.listeners: set[asyncio.Queue[bytes]] = set()
        self.ear: asyncio.Task[None] | None = None
        self.subscribed = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] == "/stream":
            await self.stream(send)
        elif scope["path"] == "/bare":
            await self.bare(send)
        else:
            await self.pool(scope, receive, send)

    async def bare(self, send: Any) -> None:
        if self.connection is None:
            self.connection = psycopg.connect(settings.DATABASE_URL_FOR_FLOORS, autocommit=True, prepare_threshold=0)
        found = self.connection.execute(
            "SELECT name FROM environments_environment WHERE id = %s", [os.environ["BENCH_ENVIRONMENT"]]
        ).fetchone()
        body = str(found[0] if found else "").encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": body})

    async def stream(self, send: Any) -> None:
        """Whoever leaves is noticed when the next message is sent; this server lives for a minute."""
        self.ear = self.ear or asyncio.create_task(self.listen())
        await self.subscribed.wait()
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        self.listeners.add(queue)
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"event: ready\ndata: 0\n\n", "more_body": True})
        while True:
            message = await queue.get()
            await send({"type": "http.response.body", "body": message, "more_body": True})

    async def listen(self) -> None:
        async with Redis.from_url(settings.REDIS_URL) as client, client.pubsub() as subscription:
            await subscription.subscribe(CHANNEL)
            while True:
                message = await subscription.get_message(timeout=5)
                if message is None:
                    continue
                if message["type"] == "subscribe":
                    self.subscribed.set()
                elif message["type"] == "message":
                    told = b"event: event\ndata: %s\n\n" % message["data"]
                    for queue in self.listeners:
                        queue.put_nowait(told)


connections["default"].settings_dict["CONN_MAX_AGE"] = 60
application = Floors()
