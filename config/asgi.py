"""The one ASGI application: the front door, the async doors behind it, and Django in a pool of threads."""

import asyncio
import gc
import re
import signal
import tempfile
from collections.abc import Hashable
from contextlib import suppress
from types import FrameType
from typing import Any

from config.wsgi import application as django_application  # isort: skip  (sets Django up before models are imported)

from django.conf import settings
from django.urls import get_resolver

from config.front.bodies import Limit
from config.front.door import FrontDoor, Large, Observe, Route
from config.front.pool import Pool
from environments.api import live as waiting
from environments.stream.asgi import Application, Receive, Scope, Send
from environments.stream.crossing import across
from environments.stream.hub import hub
from environments.stream.visitors import of_bearer, of_session
from environments.views import live
from projects import access
from projects.access import Actor, Permission
from projects.authentication import NotAuthenticated

observe: Observe | None = None
if settings.TOWPATH_METRICS_TOKEN:
    from config.metrics.requests import observe

ID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


def _route(method: str, path: str, door: Any, **more: Any) -> Route:
    return Route(method, re.compile(path), door, **more)


# Whether it lives and is ready is asked just when no other thread is left.
HEALTH = Pool(django_application, threads=2)
# And what takes longer must not hold that up in its turn.
MEASURED = Pool(django_application, threads=2)
ROUTES = [
    _route("GET", "/(livez|readyz|api/health|api/ready)", HEALTH, name="health"),
    _route("GET", "/(metrics|api/health/detailed)", MEASURED, name="health"),
    _route("GET", "/live", live.changes),
    _route("GET", f"/live/runs/(?P<run>{ID})/log", live.run_log),
    _route("GET", f"/live/environments/(?P<environment>{ID})/service-log", live.service_log),
    _route("GET", "/api/v1/events/stream", waiting.events),
    _route("GET", f"/api/v1/runs/(?P<run>{ID})/logs", waiting.run_log, only=waiting.wants_a_stream),
    _route("POST", "/api/v1/workers/me/claims", waiting.claim),
]


def _untraced(scope: Scope) -> bool:
    """What is asked all the time, and streams, which last for hours."""
    return any(route.takes(scope) is not None for route in ROUTES)


async def _bears_a_token(scope: Scope) -> Hashable:
    return _sender(await across(of_bearer, scope))


async def _is_signed_in(scope: Scope) -> Hashable:
    """Whose session is over is answered by the page, which leads to signing in."""
    try:
        return _sender(await across(of_session, scope))
    except NotAuthenticated:
        return None


def _sender(actor: Actor) -> Hashable:
    """The person, by whichever door and however many tokens they come; None where they cut no release anywhere."""
    if not access.allows_somewhere(actor, Permission.RELEASE):
        return None
    return actor.user.pk if actor.user else actor.label


ARCHIVES = Limit(
    settings.TOWPATH_ARTIFACT_BYTES + settings.TOWPATH_BODY_BYTES, at_once=16, of_one=3, grace=20.0, rate=32_000
)

door = FrontDoor(
    routes=ROUTES,
    pages=Pool(django_application),
    small=Limit(settings.TOWPATH_BODY_BYTES),
    large=[
        # Both share their places.
        Large(re.compile(r"/api/v1/apps/[^/]+/artifacts"), ARCHIVES, _bears_a_token),
        Large(re.compile(f"/apps/{ID}/releases/new"), ARCHIVES, _is_signed_in),
    ],
    observe=observe,
)
served: Application = door
if settings.TRACED:
    from config import tracing

    tracing.begin("web")
    served = tracing.Traced(door, _untraced)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _live(receive, send)
    else:
        await served(scope, receive, send)


async def _live(receive: Receive, send: Send) -> None:
    await receive()
    _settle()
    _leave_at_once()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await hub.stop()
    await send({"type": "lifespan.shutdown.complete"})


def _settle() -> None:
    """What is loaded now stays: looking again and again whether it is garbage costs a page a tenth of its time."""
    _ = get_resolver().url_patterns  # with everything that pages and operations import
    with suppress(OSError):
        tempfile.gettempdir()  # found by writing there, which a disk that is full by then would refuse
    gc.collect()
    gc.freeze()


def _leave_at_once() -> None:
    """The server waits for open answers when it is told to end, so the streams must hear of it first."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        before = signal.getsignal(number)

        def told(number: int, frame: FrameType | None, before: Any = before) -> None:
            loop.call_soon_threadsafe(hub.close)
            if callable(before):
                before(number, frame)

        try:
            signal.signal(number, told)
        except ValueError:  # not the main thread: whoever runs it there also ends it
            return
