"""Refusals: why a wish cannot be granted, in a sentence a person can act on.

`config/refusals.py` maps each kind to an HTTP status; a refusal defined beside its room subclasses one of these and
sets its own stable `code`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

UNSEEN = "There is no such thing here, or you may not see it."


class Refused(Exception):
    """`detail` is one sentence, `code` a stable word, `errors` the parts (fields or gates) where there are several."""

    code = "refused"
    title = "Refused"

    def __init__(self, detail: str, *, code: str = "", errors: Sequence[Mapping[str, Any]] = (), **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.code
        self.errors = list(errors)
        self.extra = extra


class NotFound(Refused):
    """Unknown, or not visible to the one who asks."""

    code = "not-found"
    title = "Not found"


class NotAllowed(Refused):
    """Known to the one who asks, but beyond their rights."""

    code = "not-allowed"
    title = "Not allowed"


class Invalid(Refused):
    """A field is wrong; `errors` is `[{"field": ..., "message": ...}]`."""

    code = "invalid"
    title = "Invalid"

    @classmethod
    def field(cls, name: str, message: str) -> "Invalid":
        return cls(f"{name}: {message}", errors=[{"field": name, "message": message}])


class Conflict(Refused):
    """The thing is in the wrong state, or somebody else was first."""

    code = "conflict"
    title = "Conflict"


class Exhausted(Refused):
    """A limit is used up."""

    code = "exhausted"
    title = "Limit reached"


class Gone(Refused):
    """It was here and is no more."""

    code = "gone"
    title = "Gone"


class Malformed(Refused):
    """The request cannot be read."""

    code = "malformed"
    title = "The request cannot be read"


class TooLarge(Refused):
    """A body or a file is larger than is taken here."""

    code = "too-large"
    title = "Too large"
    http_status = 413
