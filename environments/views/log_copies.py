"""One attempt's whole log as a file, so that no thread waits for whoever takes it away."""

import threading
from collections import Counter
from tempfile import SpooledTemporaryFile

from environments.models import LogChunk, Run
from projects.errors import Refused

# Each may be as large as a log and lies on the disk for as long as its reader needs.
AT_ONCE = 16
IN_MEMORY = 64 * 1024

OF_ONE = 3  # for one person

_reading: Counter[object] = Counter()
_counting = threading.Lock()


class TooMany(Refused):
    """As many logs are being taken away as the disk is meant to hold copies of."""

    code = "busy"
    title = "Busy"
    http_status = 503


class Copy(SpooledTemporaryFile[bytes]):
    """A file that nobody else can open; closing it gives its place back, once."""

    reader: object = None

    def close(self) -> None:
        if not self.closed:
            super().close()
            with _counting:
                _reading[self.reader] -= 1


def of(run: Run, attempt: int, *, reader: object) -> Copy:
    """The lines of one attempt as text, from its beginning; the caller closes it."""
    with _counting:
        if _reading.total() >= AT_ONCE or _reading[reader] >= OF_ONE:
            raise TooMany("Too many logs are being taken away at this moment; try again when one of them is through.")
        _reading[reader] += 1
    copy = Copy(max_size=IN_MEMORY, prefix="towpath-log-")
    copy.reader = reader
    try:
        for chunk in LogChunk.objects.filter(run=run, attempt=attempt).order_by("offset").iterator(chunk_size=50):
            copy.writelines(f"{line['at']} {line['text']}\n".encode() for line in chunk.lines)
    except BaseException:
        copy.close()
        raise
    copy.seek(0)
    return copy
