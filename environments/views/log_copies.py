"""One attempt's whole log as a file, so that no thread waits for whoever takes it away."""

import threading
from tempfile import SpooledTemporaryFile

from environments.models import LogChunk, Run
from projects.errors import Refused

# Each may be as large as a log and lies on the disk for as long as its reader needs.
AT_ONCE = 16
IN_MEMORY = 64 * 1024

_places = threading.BoundedSemaphore(AT_ONCE)


class TooMany(Refused):
    """As many logs are being taken away as the disk is meant to hold copies of."""

    code = "busy"
    title = "Busy"
    http_status = 503


class Copy(SpooledTemporaryFile[bytes]):
    """A file that nobody else can open; closing it gives its place back, once."""

    def close(self) -> None:
        if not self.closed:
            super().close()
            _places.release()


def of(run: Run, attempt: int) -> Copy:
    """The lines of one attempt as text, from its beginning; the caller closes it."""
    if not _places.acquire(blocking=False):
        raise TooMany("Too many logs are being taken away at this moment; try again when one of them is through.")
    copy = Copy(max_size=IN_MEMORY, prefix="towpath-log-")
    try:
        for chunk in LogChunk.objects.filter(run=run, attempt=attempt).order_by("offset").iterator(chunk_size=50):
            copy.writelines(f"{line['at']} {line['text']}\n".encode() for line in chunk.lines)
    except BaseException:
        copy.close()
        raise
    copy.seek(0)
    return copy
