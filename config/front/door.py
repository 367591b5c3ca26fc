"""The front door: host, request id, size and pace of bodies, and every refusal of an async door told in one way."""

import logging
import re
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from functools import lru_cache

import orjson
from django.conf import settings
from django.http.request import split_domain_port, validate_host

from config import refusals
from config.front import bodies, pool
from config.front.bodies import Limit
from config.headers import HEADERS
from environments.stream.asgi import Application, Headers, Message, Receive, Scope, Send, answer, header
from projects import correlation
from projects.errors import Malformed, Refused
from projects.rest.problems import Broken

logger = logging.getLogger(__name__)

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
PROBLEM = b"application/problem+json"
GUARDING = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
# In the scope: the name of the async door that took the request.
DOOR = "towpath.door"
Observe = Callable[[Scope, int, float], None]


@dataclass(frozen=True)
class Route:
    """An async door: where it stands, whether it takes this request (`only`), and as what it is counted (`name`)."""

    method: str
    path: re.Pattern[str]
    door: Application
    only: Callable[[Scope], bool] | None = None
    name: str = "stream"

    def takes(self, scope: Scope) -> dict[str, str] | None:
        found = self.path.fullmatch(scope["path"]) if scope["method"] == self.method else None
        if found is None or (self.only and not self.only(scope)):
            return None
        return found.groupdict()


@dataclass(frozen=True)
class Large:
    """An address that takes large bodies from those whom `admit` knows before a byte is read, small ones from all.

    `admit` answers by what its person is counted, None for whoever sends no large ones.
    """

    path: re.Pattern[str]
    limit: Limit
    admit: Callable[[Scope], Awaitable[Hashable]]


class FrontDoor:
    """The one ASGI application: async doors by `routes`, everything else by `pages`.

    `observe` is told of each answer when it begins: its status, and how many seconds it took until then.
    """

    def __init__(
        self,
        *,
        routes: list[Route],
        pages: Application,
        small: Limit,
        large: list[Large],
        observe: Observe | None = None,
    ) -> None:
        self._routes, self._pages, self._small, self._large = routes, pages, small, large
        self._observe = observe
        self._coming_in: Counter[tuple[Limit, Hashable]] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
            return
        given = header(scope, b"x-request-id")
        request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        scope["headers"] = [
            # WSGI could not tell `a_b` from `a-b`, so that a proxy's header could be forged beside it.
            *((name, value) for name, value in scope["headers"] if name != b"x-request-id" and b"_" not in name),
            (b"x-request-id", request_id.encode()),
        ]
        told, begun = False, time.perf_counter()

        async def tell(message: Message) -> None:
            nonlocal told
            if message["type"] == "http.response.start":
                told = True
                if self._observe:
                    self._observe(scope, message["status"], time.perf_counter() - begun)
                present = {name.lower() for name, _ in message.get("headers", [])}
                missing = [one for one in GUARDING if one[0] not in present]
                message["headers"] = [*message.get("headers", []), *missing, (b"x-request-id", request_id.encode())]
            await send(message)

        with correlation.work(request=request_id):
            try:
                await self._let_in(scope, receive, tell)
            except Exception as error:
                refusal = refusals.of(error)
                if refusal is None:
                    logger.exception("The request failed")
                    if told:
                        raise
                    refusal = Broken(f"Something went wrong here; it is logged as request {request_id}.")
                if not told:
                    await _refuse(refusal, scope, tell)

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _host_allowed(header(scope, b"host")):
            raise Malformed("This server does not answer under the host name that was asked for.")
        body = await self._take_in(scope, receive)
        try:
            for route in self._routes:
                parts = route.takes(scope)
                if parts is not None:
                    scope["path_params"], scope[DOOR] = parts, route.name
                    await route.door(scope, body.receive(receive), send)
                    return
            scope[pool.BODY] = body
            await self._pages(scope, receive, send)
        finally:
            body.close()

    async def _take_in(self, scope: Scope, receive: Receive) -> bodies.Body:
        if not bodies.announced(scope):
            return bodies.Body()  # whoever sends none waits for nobody who does
        limit, sender = await self._place(scope)
        if self._coming_in[limit, None] >= limit.at_once:
            raise pool.Busy("Too many uploads are coming in; try again in a few seconds.")
        if sender is not None and self._coming_in[limit, sender] >= limit.of_one:
            raise pool.Busy(
                f"You are sending {limit.of_one} archives at this moment; try again when one of them is through."
            )
        taken = {(limit, None), (limit, sender)}
        self._coming_in.update(taken)
        try:
            return await bodies.take_in(scope, receive, limit)
        finally:
            self._coming_in.subtract(taken)
            if not self._coming_in[limit, sender]:
                del self._coming_in[limit, sender]

    async def _place(self, scope: Scope) -> tuple[Limit, Hashable]:
        """How much of a body is taken in, and as whose: what is small needs none of the few places for large ones."""
        if scope["method"] == "POST" and not bodies.fits(scope, self._small):
            for place in self._large:
                if place.path.fullmatch(scope["path"]):
                    sender = await place.admit(scope)
                    if sender is not None:
                        return place.limit, sender
        return self._small, None


@lru_cache(maxsize=256)
def _host_allowed(host: str) -> bool:
    """Also where every host is allowed, it has to be one; HTTP/1.0 names none."""
    domain, _ = split_domain_port(host)
    return validate_host(domain, settings.ALLOWED_HOSTS) and (bool(domain) or not host)


async def _refuse(refusal: Refused, scope: Scope, send: Send) -> None:
    """A problem for programs, a sentence for people; the connection ends, because its body may not be at its end."""
    status = refusals.status(refusal)
    headers: Headers = [(b"cache-control", b"no-store")]
    if status in {400, 408, 413, 507}:
        headers.append((b"connection", b"close"))
    headers += [(name.lower().encode(), value.encode()) for name, value in refusals.headers(refusal).items()]
    if scope["path"].startswith(("/api/", "/live")):
        await answer(send, status, orjson.dumps(refusals.problem(refusal)), PROBLEM, headers)
    else:
        await answer(send, status, f"{refusal.detail}\n".encode(), b"text/plain; charset=utf-8", headers)
