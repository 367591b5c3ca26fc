"""Whether there is room for one more release: where the control plane lives, and on an environment's machines."""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models.functions import Now

from environments.models import Environment, Host, Worker

LEAST = 0.05
WORDS = "is nearly full: {free:,.1f} of {total:,.1f} GB are free, and under 5 % nothing is deployed"


def scarce(environment: Environment, *, home: Host | None = None) -> str:
    """Which disk has less than a twentieth left, as a sentence without its end; nothing where all have more.

    With `home` only that machine counts among those of the environment.
    """
    places = [("The control plane's disk", _here(Path(settings.TOWPATH_HOME)))]
    found = settings.INSTALLATION
    if environment.host_id and str(environment.host_id) == found.id:
        places.append(("The disk of the environments", _here(Path(found.environments_root))))
    alive = Worker.objects.filter(environment=environment, ended_at=None, lease_until__gt=Now())
    if home is not None:
        alive = alive.filter(host=home)
    told = alive.order_by("registered_at", "id").values_list("hostname", "system_info")
    places += [(f"The disk of {name}", known(info)) for name, info in told]
    return _first(places)


def is_scarce(room: dict[str, int] | None) -> bool:
    return room is not None and room["free"] < LEAST * room["total"]


def known(info: dict[str, Any]) -> dict[str, int] | None:
    """What a worker said of its disk last."""
    return read((info.get("resources") or {}).get("disk"))


def read(told: Any) -> dict[str, int] | None:
    """`{free, total}` in bytes of whatever was sent; None where it is not that."""
    if not isinstance(told, dict):
        return None
    free, total = _bytes(told.get("free")), _bytes(told.get("total"))
    return {"free": free, "total": total} if free is not None and total else None


def _bytes(told: Any) -> int | None:
    return told if isinstance(told, int) and not isinstance(told, bool) and 0 <= told < 1 << 60 else None


def _here(place: Path) -> dict[str, int] | None:
    try:
        usage = shutil.disk_usage(place)
    except OSError:
        return None
    # As `df` counts: without what the system keeps for root.
    return {"free": usage.free, "total": usage.used + usage.free}


def _first(places: Iterable[tuple[str, dict[str, int] | None]]) -> str:
    for name, room in places:
        if room is not None and is_scarce(room):
            return f"{name} {WORDS.format(free=room['free'] / 1e9, total=room['total'] / 1e9)}"
    return ""
