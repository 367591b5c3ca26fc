"""Follow files that grow, and turn their bytes into lines that can be shown."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from towpath.worker.layout import ProjectLayout
from towpath.worker.masks import NOTHING, Masks

LONGEST = 16_000
BLOCK = 1 << 16


def readable(line: bytes, masks: Masks = NOTHING, *, hidden: int = 0) -> str:
    """Any bytes as text: replacement characters for what is no UTF-8, no NUL (PostgreSQL has none), no secret.

    Whatever is cut here is cut behind the masks: half a secret is not known by them.
    """
    text = masks.hide(line.replace(b"\0", b""), hidden=hidden).decode("utf-8", "replace").rstrip("\r\n")
    return text if len(text) <= LONGEST else text[:LONGEST] + " … (line cut)"


@dataclass
class Follower:
    """One growing file, read on from where it was left, through one rotation to `<name>.1`.

    With `masks` no line is shown of which the beginning is missing: a secret may lie across the gap.
    """

    path: Path
    uid: int
    inode: int = 0
    position: int = 0
    partial: bytes = b""
    masks: Masks = NOTHING
    torn: bool = False  # what is read next is the rest of a line
    hidden: int = 0  # bytes, of what is read next, that belong to a secret whose beginning was shown as hidden

    def read(self, limit: int = 2000, *, at_end: bool = False) -> list[str]:
        """At most `limit` new whole lines; with `at_end` also a last one that has no line end."""
        found: list[str] = []
        descriptor = self._open(self.path)
        if descriptor is not None and self.inode and os.fstat(descriptor).st_ino != self.inode:
            rotated = self._open(self._rotated)
            same = False
            if rotated is not None:
                if same := os.fstat(rotated).st_ino == self.inode:
                    found.extend(self._lines(rotated, limit))
                os.close(rotated)
                if len(found) >= limit:
                    os.close(descriptor)
                    return found
            if rotated is None or not same:
                found.append("[lines are missing here: they were written faster than they could be read]")
                self._tear()
            self.inode, self.position = 0, 0
        elif descriptor is not None and not self.inode and os.path.lexists(self._rotated):
            self._tear()
        if descriptor is not None:
            status = os.fstat(descriptor)
            if status.st_size < self.position:
                self.position = 0
                self._tear()
            self.inode = status.st_ino
            found.extend(self._lines(descriptor, limit - len(found)))
            os.close(descriptor)
        if at_end and self.partial:
            found.extend(self._shown([self.partial]))
            self.partial = b""
        return found

    @property
    def is_behind(self) -> bool:
        """Whether the file holds bytes that have not been read."""
        descriptor = self._open(self.path)
        if descriptor is None:
            return False
        try:
            status = os.fstat(descriptor)
            return status.st_ino != self.inode or status.st_size > self.position
        finally:
            os.close(descriptor)

    def _lines(self, descriptor: int, limit: int) -> Iterator[str]:
        while limit > 0:
            block = os.pread(descriptor, BLOCK, self.position)
            if not block:
                return
            pieces = (self.partial + block).split(b"\n")
            whole, rest = pieces[:limit], b"\n".join(pieces[limit:])
            if len(pieces) <= limit:
                whole, rest = pieces[:-1], pieces[-1]
            cut, hidden = b"", 0
            if len(rest) > LONGEST * 4 + self.masks.longest and len(pieces) <= limit:
                cut, rest, hidden = self._cut(rest)
            # What was not taken is read again; only a line that has no end yet is kept.
            if len(pieces) > limit:
                self.position += len(block) - len(rest)
                self.partial = b""
            else:
                self.position += len(block)
                self.partial = rest
            limit -= len(whole) + bool(cut)
            yield from self._shown(whole)
            if cut:
                yield from self._shown([cut], whole=False)
                self.hidden = hidden

    def _cut(self, line: bytes) -> tuple[bytes, bytes, int]:
        """A line too long to wait for its end: what can be shown of it, the rest, and how much of that is hidden.

        As much is kept as the longest secret takes, so that each is seen whole by one of the two.
        """
        at = len(line) - self.masks.longest
        for begin, end in self.masks.spans(line, hidden=self.hidden):
            if 0 < begin < at < end:
                return line[:begin], line[begin:], 0
            if begin < at < end:
                # Secrets one after the other, without a place to cut between them: all of this is hidden.
                self.hidden = at
                return line[:at], line[at:], end - at
        return line[:at], line[at:], 0

    def _shown(self, lines: list[bytes], *, whole: bool = True) -> Iterator[str]:
        for line in lines:
            hidden, self.hidden = self.hidden, 0
            torn, self.torn = self.torn, self.torn and not whole
            if not torn:
                yield readable(line, self.masks, hidden=hidden)

    def _tear(self) -> None:
        if self.masks:
            self.torn, self.partial, self.hidden = True, b"", 0

    @property
    def _rotated(self) -> Path:
        return self.path.with_name(self.path.name + ".1")

    def _open(self, path: Path) -> int | None:
        """The project owns the directory: what it put there instead of its own plain file is not read."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != self.uid:
            os.close(descriptor)
            return None
        return descriptor


def output_of(layout: ProjectLayout, program: str, masks: Masks = NOTHING) -> dict[str, Follower]:
    """A program's two outputs, from their beginning."""
    return {stream: Follower(layout.logs / f"{program}.{stream}", layout.uid, masks=masks) for stream in ("out", "err")}
