"""Asking for environments: creating, changing, starting, stopping, retrying and deleting them."""

from environments.lifecycle.changes import can_manage, can_protect, check_manage, update, version
from environments.lifecycle.creation import begin, create
from environments.lifecycle.deletion import delete
from environments.lifecycle.fields import tier_of
from environments.lifecycle.lookup import find, visible
from environments.lifecycle.several import act as act_on_several
from environments.lifecycle.wishes import check_retry, retry, start, stop

__all__ = [
    "act_on_several",
    "begin",
    "can_manage",
    "can_protect",
    "check_manage",
    "check_retry",
    "create",
    "delete",
    "find",
    "retry",
    "start",
    "stop",
    "tier_of",
    "update",
    "version",
    "visible",
]
