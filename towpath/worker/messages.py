"""How much fits into one message to the control plane, measured in the bytes that are sent."""

import json
from collections.abc import Sequence
from typing import Any

MOST = 512 * 1024  # half of what the door takes
LONGEST = 2000  # characters of a line beside a reason or a state


def encoded(body: Any) -> bytes:
    """JSON as it is sent: text as UTF-8, which takes up to 4 bytes a letter where escapes would take up to 12."""
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")


def fitting(values: Sequence[Any], *, most: int, room: int = MOST) -> list[Any]:
    """The first of `values` that fit, at most `most`; none where already the first takes more than `room` bytes."""
    found: list[Any] = []
    for value in values[:most]:
        room -= len(encoded(value)) + 1
        if room < 0:
            break
        found.append(value)
    return found


def cut(text: str, longest: int = LONGEST) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
