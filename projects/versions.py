"""What somebody has seen of a row before they change it: nothing newer is overwritten unseen."""

import hashlib
import json
from collections.abc import Iterable, Mapping

from django.db import models

from projects.errors import Conflict


class ChangedMeanwhile(Conflict):
    code = "changed-meanwhile"


def of(row: models.Model, names: Iterable[str], *, also: Mapping[str, str] | None = None) -> str:
    """Another one as soon as anybody changes one of these fields, or what stands beside them in other rows."""
    shown = json.dumps([[getattr(row, name) for name in names], also], sort_keys=True, default=str)
    return hashlib.sha256(shown.encode()).hexdigest()[:32]


def check(seen: str | None, present: str, *, called: str) -> None:
    """Raise ChangedMeanwhile where the settings are not those that somebody has looked at; None has looked at none."""
    if seen is not None and seen != present:
        raise ChangedMeanwhile(f"Somebody changed the settings of {called} meanwhile; compare them, then save again.")
