"""How much room is left where releases are put, and the refusal of a deployment where that is too little."""

import shutil
from pathlib import Path
from typing import TypedDict

from towpath.worker.attempts import Failed

LEAST = 0.05  # of the file system; what already runs there needs some to go on


class Room(TypedDict):
    """In bytes; `total` is what can be had at all, without what the system keeps for root."""

    free: int
    total: int


def room(place: Path) -> Room | None:
    try:
        usage = shutil.disk_usage(place)
    except OSError:
        return None
    return {"free": usage.free, "total": usage.used + usage.free}


def check(place: Path) -> None:
    """Failed where less than a twentieth is left: what serves there goes on, and nothing new comes."""
    left = room(place)
    if left is not None and left["free"] < LEAST * left["total"]:
        raise Failed(
            f"The disk of this machine is nearly full: {left['free'] / 1e9:,.1f} of {left['total'] / 1e9:,.1f} GB are "
            "free, and under 5 % nothing is deployed. Free some, then deploy again."
        )
