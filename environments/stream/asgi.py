"""The few shapes of ASGI that the async doors speak, and how they read headers, queries and bodies."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

import orjson

from projects.errors import Invalid, Malformed

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

PLAIN: Headers = [(b"cache-control", b"no-store")]


def header(scope: Scope, name: bytes) -> str:
    """The first header of this (lower-case) name, else an empty string."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def query(scope: Scope, *known: str) -> dict[str, str]:
    """The query's parameters; one that is not known is refused by name."""
    found = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    unknown = sorted(set(found) - set(known))
    if unknown:
        raise Invalid(
            f"There is no query parameter {unknown[0]!r} here.",
            errors=[{"field": name, "message": "unknown query parameter"} for name in unknown],
        )
    for name, value in found.items():
        if "\0" in value:
            raise Invalid.field(name, "must not contain NUL")
    return found


async def body(receive: Receive) -> bytes:
    """The whole body, which the front door has already counted and spooled."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Malformed("The request ended before its body did.")
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def answer(send: Send, status: int, content: bytes, kind: bytes, headers: Headers | None = None) -> None:
    """One whole answer of the content type `kind`."""
    lines = [(b"content-type", kind), (b"content-length", str(len(content)).encode()), *(headers or [])]
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": content})


async def answer_json(send: Send, status: int, value: Any, headers: Headers | None = None) -> None:
    content = orjson.dumps(value, default=str, option=orjson.OPT_UTC_Z)
    await answer(send, status, content, b"application/json", [*PLAIN, *(headers or [])])
