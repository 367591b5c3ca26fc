"""Follow files that grow, and turn their bytes into lines that can be shown."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from towpath.worker.layout import ProjectLayout

LONGEST = 16_000
BLOCK = 1 << 16


def readable(line: bytes) -> str:
    """Any bytes as text: replacement characters for what is no UTF-8, no NUL (PostgreSQL has none)."""
    text = line.decode("utf-8", "replace").replace("\0", "").rstrip("\r\n")
    return text if len(text) <= LONGEST else text[:LONGEST] + " … (line cut)"


@dataclass
class Follower:
    """One growing file, read on from where it was left, through one rotation to `<name>.1`."""

    path: Path
    uid: int
    inode: int = 0
    position: int = 0
    partial: bytes = b""

    def read(self, limit: int = 2000, *, at_end: bool = False) -> list[str]:
        """At most `limit` new whole lines; with `at_end` also a last one that has no line end."""
        found: list[str] = []
        descriptor = self._open(self.path)
        if descriptor is not None and self.inode and os.fstat(descriptor).st_ino != self.inode:
            rotated = self._open(self.path.with_name(self.path.name + ".1"))
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
            self.inode, self.position = 0, 0
        if descriptor is not None:
            status = os.fstat(descriptor)
            if status.st_size < self.position:
                self.position = 0
            self.inode = status.st_ino
            found.extend(self._lines(descriptor, limit - len(found)))
            os.close(descriptor)
        if at_end and self.partial:
            found.append(readable(self.partial))
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
            if len(rest) > LONGEST * 4 and len(pieces) <= limit:
                whole, rest = [*whole, rest], b""
            # What was not taken is read again; only a line that has no end yet is kept.
            if len(pieces) > limit:
                self.position += len(block) - len(rest)
                self.partial = b""
            else:
                self.position += len(block)
                self.partial = rest
            limit -= len(whole)
            yield from (readable(line) for line in whole)

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


def output_of(layout: ProjectLayout, program: str) -> dict[str, Follower]:
    """A program's two outputs, from their beginning."""
    return {stream: Follower(layout.logs / f"{program}.{stream}", layout.uid) for stream in ("out", "err")}
