"""Words, short values and offers that the pages of configuration share."""

import uuid
from dataclasses import dataclass

# Names of scopes, from weak to strong as in `scopes.ORDER`.
LEVELS = (
    "Organization", "Project", "Environment", "Project in an environment", "App", "App in an environment", "Team",
    "Team in an environment", "Agent", "Agent in an environment",
)  # fmt: skip
SHOWN = 200  # characters of a value in a list


@dataclass(frozen=True)
class Revealing:
    """The offer to reveal one version of a secret, or `why` it is not to be had."""

    entry_id: uuid.UUID
    key: str
    number: int
    why: str = ""

    @property
    def place(self) -> str:
        """The id of the element whose value it is."""
        return f"value-{self.entry_id}-{self.number}"


def short(value: str) -> str:
    return value if len(value) <= SHOWN else f"{value[:SHOWN]}…"
