"""Best-effort messages that say "there is more": after commit, never raised, never slow.

Readers also look without being told, so a lost message costs seconds and never truth.
"""

import json
from contextlib import suppress
from typing import Any

from django.db import transaction

from projects import broker

EVENTS = "towpath:events"
WORKERS = "towpath:workers"
LOGS = "towpath:logs"


def ring(channel: str, **message: Any) -> None:
    """Publish `message` on `channel` once the surrounding transaction has committed."""
    transaction.on_commit(lambda: publish(channel, message), robust=True)


def publish(channel: str, message: dict[str, Any]) -> None:
    """Publish now."""
    with suppress(broker.Silent):
        broker.ask(lambda client: client.publish(channel, json.dumps(message, default=str)))
