"""Asking for environments: creating, changing, starting, stopping, retrying and deleting them."""

from environments.lifecycle.changes import ChangedMeanwhile, update, version
from environments.lifecycle.creation import begin, create
from environments.lifecycle.deletion import delete
from environments.lifecycle.lookup import find, visible
from environments.lifecycle.wishes import retry, start, stop

__all__ = [
    "ChangedMeanwhile",
    "begin",
    "create",
    "delete",
    "find",
    "retry",
    "start",
    "stop",
    "update",
    "version",
    "visible",
]
