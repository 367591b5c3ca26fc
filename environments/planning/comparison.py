"""How two releases of an app, and the values given to them, differ."""

from collections.abc import Mapping
from typing import Any

from projects.models import App, Release

MOST_CHANGES = 100


def releases_between(app: App, current: Release | None, target: Release | None) -> list[dict[str, Any]]:
    """The releases that arrive, newest first; on the way back those that leave, marked `taken_back`.

    The first release of an app in an environment arrives alone: what came before it was never missed there.
    """
    if target is None or current == target:
        return []
    if current is None:
        return [_told(target, taken_back=False)]
    low, high = sorted((current.serial, target.serial))
    between = Release.objects.filter(app=app, serial__gt=low, serial__lte=high).order_by("-serial")[:MOST_CHANGES]
    return [_told(release, taken_back=target.serial < current.serial) for release in between]


def _told(release: Release, *, taken_back: bool) -> dict[str, Any]:
    return {
        "release_id": str(release.id),
        "version": release.version,
        "commit": release.commit,
        "notes": release.notes,
        "changes": release.changes,
        "link": release.link,
        "created_by": release.created_by,
        "created_at": release.created_at.isoformat(),
        "taken_back": taken_back,
    }


def values(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`[{key, before, after}]` by key for what differs; `None` stands for "not given"."""
    return [
        {"key": key, "before": before.get(key), "after": after.get(key)}
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]
