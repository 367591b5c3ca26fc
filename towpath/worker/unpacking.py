"""Unpack an uploaded archive into a new directory without letting anything in it reach outside or fill the disk."""

import lzma
import os
import posixpath
import resource
import stat
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

BLOCK = 1 << 20
MEMORY = 1 << 30


class Unsafe(Exception):
    """The archive holds something that is not unpacked; the text says what."""


UNREADABLE: tuple[type[BaseException], ...] = (Unsafe, tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error)
UNREADABLE += (OSError, EOFError, MemoryError, RecursionError, RuntimeError, ValueError)


@dataclass(frozen=True)
class Limits:
    entries: int = 100_000
    bytes: int = 4 << 30
    ratio: int = 200  # unpacked bytes for each byte of the archive, beyond the first 10 MB
    depth: int = 60


@dataclass(frozen=True)
class Entry:
    path: str
    kind: str  # "file", "directory" or "link"
    executable: bool = False
    target: str = ""
    content: IO[bytes] | None = None


def unpack_from_spec(spec: dict[str, Any]) -> int:
    # A header may claim any length and would be read into memory whole.
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    try:
        count = unpack(spec["archive"], spec["into"])
    except UNREADABLE as error:
        # tarfile lists every method it tried, a line each.
        why = "it is neither a tar nor a zip archive" if isinstance(error, tarfile.ReadError) else str(error)
        print(f"The archive was not unpacked: {why or type(error).__name__}", file=sys.stderr)
        return 1
    print(f"{count} {'entry' if count == 1 else 'entries'} unpacked")
    return 0


def unpack(archive: str, into: str, limits: Limits = Limits()) -> int:
    """Unpack a tar (plain, gz, bz2, xz) or zip archive into the EMPTY directory `into`; answers how many entries."""
    size = os.path.getsize(archive)
    allowed = min(limits.bytes, max(10 << 20, size * limits.ratio))
    written = count = 0
    links: list[tuple[str, str]] = []
    for entry in read_entries(archive):
        count += 1
        if count > limits.entries:
            raise Unsafe(f"it has more than {limits.entries} entries")
        parts = safe_parts(entry.path, limits.depth)
        if not parts:
            continue
        if entry.kind == "link":
            links.append(("/".join(parts), safe_target(parts, entry.target)))
        elif entry.kind == "directory":
            make_directories(into, parts)
        else:
            make_directories(into, parts[:-1])
            assert entry.content is not None
            written += write_file(os.path.join(into, *parts), entry, allowed - written)
    # Links come last, so that no entry was ever written through one.
    for path, target in links:
        parts = path.split("/")
        make_directories(into, parts[:-1])
        place = os.path.join(into, *parts)
        if os.path.lexists(place):
            raise Unsafe(f"{path} appears twice")
        os.symlink(target, place)
    for path, _ in links:
        check_stays_inside(into, path)
    return count


def read_entries(archive: str) -> Iterator[Entry]:
    if zipfile.is_zipfile(archive) and not tarfile.is_tarfile(archive):
        yield from read_zip(archive)
    else:
        yield from read_tar(archive)


def read_tar(archive: str) -> Iterator[Entry]:
    with tarfile.open(archive, "r:*") as tar:
        while member := tar.next():
            tar.members = []  # type: ignore[attr-defined]  # a hundred thousand entries need not stay in memory
            if member.isdir():
                yield Entry(member.name, "directory")
            elif member.issym():
                yield Entry(member.name, "link", target=member.linkname)
            elif member.isreg() and not member.issparse():
                yield Entry(member.name, "file", bool(member.mode & 0o100), content=tar.extractfile(member))
            else:
                # Hard links too: one to a symbolic link is the way out that tarfile's own filter leaves open.
                raise Unsafe(f"{member.name!r} is neither a file, a directory nor a symbolic link")


def read_zip(archive: str) -> Iterator[Entry]:
    with zipfile.ZipFile(archive) as bundle:
        for info in bundle.infolist():
            mode = info.external_attr >> 16
            if info.is_dir():
                yield Entry(info.filename, "directory")
            elif stat.S_ISLNK(mode):
                with bundle.open(info) as content:
                    target = content.read(4097)
                if len(target) > 4096:
                    raise Unsafe(f"{info.filename!r} is a link with a target that is too long")
                yield Entry(info.filename, "link", target=target.decode("utf-8"))
            elif stat.S_IFMT(mode) in (0, stat.S_IFREG):
                with bundle.open(info) as content:
                    yield Entry(info.filename, "file", bool(mode & 0o100), content=content)
            else:
                raise Unsafe(f"{info.filename!r} is neither a file, a directory nor a symbolic link")


def safe_parts(path: str, depth: int) -> list[str]:
    if path.startswith("/") or "\\" in path or "\0" in path:
        raise Unsafe(f"{path!r} is not a relative path")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise Unsafe(f"{path!r} leads outside")
    if len(parts) > depth or any(len(part.encode()) > 255 for part in parts):
        raise Unsafe(f"{path[:80]!r} is too deep or too long")
    return parts


def safe_target(parts: list[str], target: str) -> str:
    if not target or target.startswith("/") or "\\" in target or "\0" in target or len(target) > 4096:
        raise Unsafe(f"{'/'.join(parts)!r} is a link that leads outside")
    landing = posixpath.normpath(posixpath.join(*parts[:-1], target))
    if landing == ".." or landing.startswith("../"):
        raise Unsafe(f"{'/'.join(parts)!r} is a link that leads outside")
    return target


def check_stays_inside(into: str, path: str) -> None:
    """Each link alone may look harmless and lead outside through another one: ask where it really ends."""
    root = os.path.realpath(into)
    landing = os.path.realpath(os.path.join(into, path))
    if landing != root and not landing.startswith(root + os.sep):
        raise Unsafe(f"{path!r} is a link that leads outside")


def make_directories(into: str, parts: list[str]) -> None:
    place = into
    for part in parts:
        place = os.path.join(place, part)
        try:
            os.mkdir(place, 0o755)
        except FileExistsError:
            if not stat.S_ISDIR(os.lstat(place).st_mode):
                raise Unsafe(f"{'/'.join(parts)!r} goes through something that is no directory") from None


def write_file(place: str, entry: Entry, room: int) -> int:
    assert entry.content is not None
    try:
        # O_EXCL: an entry that appears twice, or a link in its place, is refused and never written through.
        descriptor = os.open(
            place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o755 if entry.executable else 0o644
        )
    except FileExistsError:
        raise Unsafe(f"{entry.path!r} appears twice") from None
    written = 0
    with os.fdopen(descriptor, "wb") as file:
        while block := entry.content.read(BLOCK):
            written += len(block)
            if written > room:
                raise Unsafe("it would take more space than an archive of its size may")
            file.write(block)
    return written
