"""Where a reader stands in an organization's log: `<epoch>-<number>`, the id of an event everywhere."""

import re
from dataclasses import dataclass

from projects.models import EventCounter, Organization

_WORDS = re.compile(r"([0-9]{1,9})-([0-9]{1,18})")


@dataclass(frozen=True, order=True)
class Cursor:
    """After a restore the epoch is another one, and what was read in the old one says nothing about the new."""

    epoch: int
    number: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.number}"

    @classmethod
    def parse(cls, words: str) -> "Cursor | None":
        found = _WORDS.fullmatch(words.strip())
        return cls(int(found[1]), int(found[2])) if found else None


def present(organization: Organization) -> Cursor:
    """The last event committed so far. A page asks before it reads anything else, so that nothing falls between."""
    last = EventCounter.objects.filter(pk=organization.pk).values_list("last", flat=True).first()
    return Cursor(organization.event_epoch, last or 0)
