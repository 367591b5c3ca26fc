"""Why somebody changes something: a reason in words, and a link to a ticket or a CI job.

Doors hand them over with the actor (`actor.because`), `events.operation` judges them before anything is done, and
`events.record` writes them into every event of the change that has no reason of its own.
"""

import re
from dataclasses import dataclass

from projects.errors import Invalid

LINK = re.compile(r"https?://[^\s]{1,490}")
LONGEST = 4000
TOO_LONG = f"at most {LONGEST} characters"
NO_LINK = "must be an http:// or https:// address of at most 500 characters"


@dataclass(frozen=True)
class Why:
    """`undoes` is the number of the event that the change takes back."""

    reason: str = ""
    link: str = ""
    undoes: int | None = None

    def check(self) -> None:
        check(self.reason, self.link)

    def told(self) -> dict[str, str | int]:
        """What an event keeps of it."""
        given = {"reason": self.reason, "link": self.link, "undoes": self.undoes}
        return {name: value for name, value in given.items() if value}


NOTHING = Why()


def check(reason: str, link: str = "") -> None:
    """Raise Invalid, naming the field."""
    if len(reason) > LONGEST:
        raise Invalid.field("reason", f"{TOO_LONG}.")
    if link and not LINK.fullmatch(link):
        raise Invalid.field("link", f"{NO_LINK}.")
