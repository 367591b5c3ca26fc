"""The places for bodies that come in: few for large ones, shared fairly, and nothing to those who send none."""

import asyncio
import time
import uuid
from typing import Any

import httpx

from config.front.bodies import Limit
from config.front.door import FrontDoor
from projects.access import Actor
from projects.models import App
from tests import builders
from tests.doors.test_front_door import answer_to, cookies_of, raw
from tests.doors.web import Web

LARGE = "Host: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 400000000\r\n"


def stalled(server: Web, actor: Actor) -> Any:
    """They have announced an archive in the form, and send nothing of it."""
    name, value = next(iter(cookies_of(actor).items()))
    address = f"/apps/{uuid.uuid4()}/releases/new"
    return raw(server, f"POST {address} HTTP/1.1\r\nCookie: {name}={value}\r\n{LARGE}\r\n")


def upload(server: Web, actor: Actor, app: App, *, size: int) -> httpx.Response:
    return httpx.post(
        f"{server.url}/api/v1/apps/{app.id}/artifacts",
        headers={"Authorization": f"Bearer {builders.grant_token(actor)}"},
        files={"file": ("a.tar", b"x" * size)},
        timeout=20,
    )


def test_who_cuts_no_releases_is_refused_a_large_body_and_holds_no_place(server: Web) -> None:
    cast, other = builders.cast(), builders.cast()
    viewer = builders.grant_token(cast.viewer)

    held = [stalled(server, cast.viewer) for _ in range(16)]
    held.append(
        raw(
            server,
            f"POST /api/v1/apps/{uuid.uuid4()}/artifacts HTTP/1.1\r\nAuthorization: Bearer {viewer}\r\n{LARGE}\r\n",
        )
    )

    assert all(answer_to(one).startswith("HTTP/1.1 413") for one in held)
    assert (
        upload(server, other.owner, builders.app(other.owner), size=2_000_000).status_code == 422
    )  # taken in, and no archive


def test_one_person_holds_a_few_places_and_leaves_the_others_to_others(server: Web) -> None:
    cast, other = builders.cast(), builders.cast()
    app = builders.app(cast.owner)
    held = [stalled(server, cast.operator) for _ in range(3)]
    time.sleep(1)

    over = answer_to(stalled(server, cast.operator))
    token = upload(server, cast.operator, app, size=2_000_000)
    small = upload(server, cast.operator, app, size=2_000)
    others = upload(server, other.operator, builders.app(other.owner), size=2_000_000)
    for one in held:
        one.close()
    time.sleep(1)
    again = upload(server, cast.operator, app, size=2_000_000)

    assert over.startswith("HTTP/1.1 503") and "retry-after" in over.lower()
    assert token.status_code == 503 and "You are sending 3 archives at this moment" in token.json()["detail"]
    assert (small.status_code, others.status_code, again.status_code) == (422, 422, 422)


def test_bodies_that_stall_are_waited_for_by_nobody_who_sends_none() -> None:
    async def pages(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def never() -> Any:
        await asyncio.sleep(60)

    door = FrontDoor(routes=[], pages=pages, small=Limit(1000, at_once=2), large=[])

    async def status(method: str, *headers: tuple[bytes, bytes]) -> int:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": method, "path": "/livez", "headers": [(b"host", b"localhost"), *headers]}
        await door(scope, never, send)
        return int(sent[0]["status"])

    async def ask() -> list[int]:
        length = (b"content-length", b"500")
        held = [asyncio.create_task(status("POST", length)) for _ in range(2)]
        await asyncio.sleep(0.1)
        found = [await status("GET"), await status("POST", (b"content-length", b"0")), await status("POST", length)]
        for one in held:
            one.cancel()
        return found

    assert asyncio.run(ask()) == [200, 200, 503]
