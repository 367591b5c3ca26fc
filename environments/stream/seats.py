"""How many streams one person may hold open at a time."""

import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from projects.limits import TooMany


class TooManyStreams(TooMany):
    """This person holds as many streams as one may."""

    code = "too-many-streams"
    title = "Too many streams"

    def __init__(self, most: int) -> None:
        super().__init__(10)
        self.detail = f"You have {most} live pages and streams open; close one of them."


_taken: Counter[uuid.UUID] = Counter()


@contextmanager
def seat(user_id: uuid.UUID) -> Iterator[None]:
    """Hold one of this person's streams in this process; TooMany where none is left."""
    most: int = settings.TOWPATH_STREAMS_PER_USER
    if _taken[user_id] >= most:
        raise TooManyStreams(most)
    _taken[user_id] += 1
    try:
        yield
    finally:
        _taken[user_id] -= 1
        if not _taken[user_id]:
            del _taken[user_id]
