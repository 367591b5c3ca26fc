"""What is taken away as a file is written first and given at its reader's own pace: no thread waits for them."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile

from projects.errors import Refused

# Each may be as large as a log and lies on the disk for as long as its reader needs.
AT_ONCE = 16
OF_ONE = 3  # for one person
# Of the threads that answer pages these may write copies; the others are there for pages.
WRITING = 3
IN_MEMORY = 64 * 1024

_held: Counter[object] = Counter()
_counting = threading.Lock()
_writing = threading.BoundedSemaphore(WRITING)


class TooMany(Refused):
    """As many files are being taken away as the disk is meant to hold copies of."""

    code = "busy"
    title = "Busy"
    http_status = 503


class Copy(SpooledTemporaryFile[bytes]):
    """A file that nobody else can open; closing it gives its place back, once."""

    reader: object = None

    def close(self) -> None:
        if not self.closed:
            try:
                super().close()
            finally:  # also where a full disk refuses the rest of it
                with _counting:
                    _held[self.reader] -= 1


@contextmanager
def written(*, reader: object, what: str) -> Iterator[Copy]:
    """A copy to be written, and then to be read from its beginning; whoever takes it closes it, an error does so here.

    `what` are the words for such files in the refusal: "logs".
    """
    with _counting:
        if _held.total() >= AT_ONCE or _held[reader] >= OF_ONE:
            raise TooMany(
                f"Too many {what} are being taken away at this moment; try again when one of them is through."
            )
        _held[reader] += 1
    copy = Copy(max_size=IN_MEMORY, prefix="towpath-copy-")
    copy.reader = reader
    try:
        if not _writing.acquire(blocking=False):
            raise TooMany(f"Too many {what} are being written at this moment; try again in some seconds.")
        try:
            yield copy
            copy.seek(0)  # which writes the rest of it
        finally:
            _writing.release()
    except BaseException:
        copy.close()
        raise
