"""One organization's events as one process reads them: once, for all who listen."""

import asyncio
import uuid
from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import Any

from django.db.models import OuterRef, Subquery

from environments.stream.crossing import across
from environments.stream.cursors import Cursor
from projects.models import Event, EventCounter, Organization

KEPT = 256
A_READ = 500


class Lost(Exception):
    """What comes after this cursor cannot be told any more: another epoch, or beyond retention."""


class Audience:
    """What one listener has been hinted at (subjects that changed without an event) and has not yet passed on."""

    MOST = 500

    def __init__(self) -> None:
        self.hints: list[dict[str, Any]] = []

    def hear(self, hint: dict[str, Any]) -> None:
        if len(self.hints) < self.MOST:
            self.hints.append(hint)

    def take(self) -> list[dict[str, Any]]:
        taken, self.hints = self.hints, []
        return taken


class Feed:
    """Rows are the truth; `recent` spares reading them again for everybody who keeps up."""

    def __init__(self, organization: Organization) -> None:
        self.organization = organization
        self.position = Cursor(organization.event_epoch, -1)
        self.listeners = 0
        self.audiences: set[Audience] = set()
        self._recent: deque[Event] = deque(maxlen=KEPT)
        self._one_at_a_time = asyncio.Lock()
        self._asked = self._served = 0

    @property
    def epoch(self) -> int:
        return self.position.epoch

    @property
    def last(self) -> int:
        return self.position.number

    def begin(self, position: Cursor) -> None:
        """Stand at `position`, forgetting what was read before."""
        self.position = position
        self._recent.clear()

    async def read(self) -> bool:
        """Take in what was committed so far; True if there was anything. One read serves all who asked before it."""
        self._asked += 1
        ticket = self._asked
        found = False
        async with self._one_at_a_time:
            while self._served < ticket:
                asked = self._asked
                rows = await across(_rows_after, self.organization.pk, self.last, A_READ)
                self._take_in(rows)
                found = found or bool(rows)
                if len(rows) < A_READ:
                    self._served = asked
        return found

    def _take_in(self, rows: list[Event]) -> None:
        if not rows or rows[0].number <= self.last:
            return
        if rows[0].number != self.last + 1:
            self._recent.clear()
        self._recent.extend(rows)
        self.position = Cursor(self.epoch, rows[-1].number)

    async def after(self, cursor: Cursor) -> list[Event]:
        """At most 500 events that follow `cursor`, in order; Lost where they are not to be had."""
        if cursor == self.position:
            return []
        if cursor.epoch != self.epoch or cursor.number > self.last:
            raise Lost
        if self._recent and self._recent[0].number <= cursor.number + 1:
            start = cursor.number + 1 - self._recent[0].number
            return list(islice(self._recent, start, start + A_READ))
        rows = await across(_rows_after, self.organization.pk, cursor.number, A_READ)
        if not rows or rows[0].number != cursor.number + 1:
            raise Lost
        return [row for row in rows if row.number <= self.last]

    def hint(self, hint: dict[str, Any]) -> None:
        for audience in self.audiences:
            audience.hear(hint)


def _rows_after(organization_id: uuid.UUID, number: int, most: int) -> list[Event]:
    return list(Event.objects.filter(organization_id=organization_id, number__gt=number).order_by("number")[:most])


def positions(organization_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Cursor]:
    """Where these organizations' logs stand now."""
    last = EventCounter.objects.filter(organization_id=OuterRef("pk")).values("last")
    found = Organization.objects.filter(pk__in=list(organization_ids)).values_list("pk", "event_epoch", Subquery(last))
    return {pk: Cursor(epoch, number or 0) for pk, epoch, number in found}
