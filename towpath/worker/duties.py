"""What a project's own uid does for us besides steps and services, by its supervisor."""

import json
import os
from collections.abc import Callable
from typing import Any

from towpath.worker.execution import become, create
from towpath.worker.housekeeping import delete_from_spec, measure_from_spec
from towpath.worker.unpacking import unpack_from_spec

DUTIES: dict[str, Callable[[dict[str, Any]], int]] = {
    "create": lambda _: 0,  # a release's directory, which every duty can begin with, and nothing in it
    "unpack": unpack_from_spec,
    "delete": delete_from_spec,
    "measure": measure_from_spec,
}


def do(path: str) -> int:
    """The exit code of the duty that the file describes: `{kind, create?, ...}`."""
    with open(path, encoding="utf-8") as file:
        spec = json.load(file)
    if spec["kind"] == "shell":
        # A step or service as it was written before there was `start`: it runs on over an update.
        become({"create": "", "wrapper": [], **spec})
    if "create" in spec:
        create(spec["create"])
    os.environ.clear()
    return DUTIES[spec["kind"]](spec)
