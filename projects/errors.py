"""Refusals: why a wish cannot be granted, in a sentence a person can act on.

A refusal defined beside its room subclasses one of these kinds and sets its own stable `code`. `STATUS` at the end is
the one table that gives each kind its HTTP status.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

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

    @classmethod
    def about(cls, field: str, sentence: str) -> Self:
        """Where one field could be given otherwise, such as a name that is taken."""
        return cls(sentence, errors=[{"field": field, "message": sentence}])


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


# The first kind in this order that the refusal is an instance of decides.
STATUS: tuple[tuple[type[Refused], int], ...] = (
    (NotFound, 404),
    (NotAllowed, 403),
    (Invalid, 422),
    (Gone, 410),
    (Exhausted, 409),
    (Conflict, 409),
    (Refused, 400),
)


def status(refusal: Refused) -> int:
    """The HTTP status of `refusal`; a refusal may name its own in `http_status` (401, 412, 413, 415, 429)."""
    own: int | None = getattr(refusal, "http_status", None)
    return own or next(number for kind, number in STATUS if isinstance(refusal, kind))
