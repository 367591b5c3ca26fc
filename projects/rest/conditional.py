"""Entity tags: spare what a client has already, and refuse a change made on top of something outdated."""

import hashlib
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified

from projects.errors import Refused

# What an object tells of the moment. A tag has two halves: the thing itself, and all that the answer says; If-Match
# looks at the first, or nobody could ever change an environment whose memory is measured every five seconds.
VOLATILE = frozenset(
    {"active_workers", "idle_workers", "busy_workers", "resources", "metrics", "endpoints", "live_in", "last_used_at"}
)


class ChangedMeanwhile(Refused):
    code = "changed-meanwhile"
    title = "Changed meanwhile"
    http_status = 412


def tagged(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Give a 200 its tag, or answer 304 to a client that has this very answer."""
    if "no-store" in response.get("Cache-Control", ""):
        return response
    response.headers.setdefault("Cache-Control", "private, no-cache")
    # Some operations know what decides their answer, and have made a tag of that.
    response.headers["ETag"] = tag = response.get("ETag") or tag_of(response.content)
    if has_already(request, tag):
        unchanged = HttpResponseNotModified()
        for name in ("ETag", "Cache-Control", "Link", "Vary"):
            if name in response.headers:
                unchanged.headers[name] = response.headers[name]
        return unchanged
    return response


def has_already(request: HttpRequest, tag: str) -> bool:
    return request.method == "GET" and _matches(request.headers.get("If-None-Match", ""), tag)


def tag_of(content: bytes) -> str:
    whole = _digest(content)
    if not content.startswith(b"{"):
        return f'"{whole}"'
    return f'"{_stable(orjson.loads(content))}.{whole}"'


def require_match(request: HttpRequest, current: dict[str, Any]) -> None:
    """Raise ChangedMeanwhile when If-Match names another version than `current`, the present answer.

    Call it while the row is locked, or two changes may both find their version.
    """
    wanted = request.headers.get("If-Match", "").strip()
    if not wanted or wanted == "*":
        return
    present = _stable(orjson.loads(orjson.dumps(current, default=str)))
    if not any(part.strip().strip('"').partition(".")[0] == present for part in wanted.split(",")):
        raise ChangedMeanwhile("It was changed since you read it; read it again and repeat your change.")


def names_a_version(request: HttpRequest) -> bool:
    """Whether If-Match says which version the client has read."""
    return request.headers.get("If-Match", "").strip() not in {"", "*"}


def _stable(answer: dict[str, Any]) -> str:
    kept = {name: value for name, value in answer.items() if name not in VOLATILE}
    return _digest(orjson.dumps(kept, option=orjson.OPT_SORT_KEYS))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:20]


def _matches(header: str, tag: str) -> bool:
    if header.strip() == "*":
        return True
    return any(part.strip().removeprefix("W/") == tag for part in header.split(","))
