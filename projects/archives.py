"""Bytes that come in: digested while they are written beside their final place, before any transaction begins."""

import bz2
import hashlib
import io
import lzma
import os
import tarfile
import uuid
import weakref
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

from projects.errors import TooLarge

_CHUNK = 1 << 20
# What a tar may be wrapped in: from the file's first chunk, the first block of what it holds.
_DECOMPRESS: tuple[Callable[[bytes], bytes], ...] = (
    lambda raw: raw,
    lambda raw: zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(raw, tarfile.BLOCKSIZE),
    lambda raw: bz2.BZ2Decompressor().decompress(raw, tarfile.BLOCKSIZE),
    lambda raw: lzma.LZMADecompressor(memlimit=1 << 27).decompress(raw, tarfile.BLOCKSIZE),
)


class Archive:
    """A file that no row tells of yet: it goes when it is closed or dropped, unless it was kept.

    What the disk refuses is told by `check_whole`: forms are read before any view, where nobody could tell it.
    """

    def __init__(self) -> None:
        self.path = home() / f".{uuid.uuid4()}.partial"
        self.size = 0
        self._refused: OSError | None = None
        self._digest = hashlib.sha256()
        self._file: BinaryIO = io.BytesIO()
        self._end = weakref.finalize(self, self.path.unlink, missing_ok=True)
        with self._on_disk():
            self._file = self.path.open("xb")

    @contextmanager
    def _on_disk(self) -> Iterator[None]:
        """What is refused once frees what it has taken, and nothing more is written."""
        try:
            yield
        except OSError as refusal:
            self._refused = refusal
            self.close()

    def write(self, chunk: bytes) -> None:
        """Add to it; what is beyond the limit is counted and not written."""
        self.size += len(chunk)
        if self.size <= settings.TOWPATH_ARTIFACT_BYTES:
            self._digest.update(chunk)
            if self._refused is None:
                with self._on_disk():
                    self._file.write(chunk)

    def finish(self) -> None:
        """It is whole. Much waits for the disk now; of little anybody may send many, so only what is kept does."""
        if self._refused is None:
            with self._on_disk():
                self._file.close()
                if self.size > settings.TOWPATH_BODY_BYTES:
                    _sync(self.path)

    def open(self) -> BinaryIO:
        """What there is of it, to be read."""
        return self.path.open("rb") if self._refused is None else io.BytesIO()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    @cached_property
    def readable(self) -> bool:
        """Whether it is a tar, however it is packed, or a zip."""
        return zipfile.is_zipfile(self.path) or _is_tar(self.path)

    def check_whole(self) -> None:
        """TooLarge, or what the disk has said, where not all of it is here."""
        if self._refused is not None:
            raise self._refused
        most: int = settings.TOWPATH_ARTIFACT_BYTES
        if self.size > most:
            raise TooLarge(f"The file is larger than the limit of {most // (1 << 20)} MB.")

    def keep(self) -> None:
        """Put it in its place, where it stays; a second time too, when a transaction has to be repeated."""
        place = home() / self.sha256
        try:
            _sync(self.path)
            os.replace(self.path, place)
        except FileNotFoundError:
            if not place.exists():
                raise

    def close(self) -> None:
        with suppress(OSError):  # what a full disk has not taken goes with the rest
            self._file.close()
        self._end()


if TYPE_CHECKING:  # only the stubs know what a file holds
    File = UploadedFile[bytes]
else:
    File = UploadedFile


class Upload(File):
    """An uploaded file, which lies where archives lie."""

    def __init__(self, archive: Archive, *args: Any) -> None:
        super().__init__(archive.open(), *args)
        self.archive = archive

    def close(self) -> None:
        super().close()
        self.archive.close()


class Uploads(FileUploadHandler):
    """Takes uploaded files in as they are read from the request, so that they are written and digested once."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.file = Archive()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.file.write(raw_data)

    def file_complete(self, file_size: int) -> Upload:
        self.file.finish()
        return Upload(self.file, self.file_name, self.content_type, file_size, self.charset, self.content_type_extra)

    def upload_interrupted(self) -> None:
        self.file.close()


@contextmanager
def taken_in(stream: BinaryIO | Upload) -> Iterator[Archive]:
    """What an upload has brought already, or a copy of the stream."""
    if isinstance(stream, Upload):
        yield stream.archive
        return
    archive = Archive()
    try:
        while chunk := stream.read(_CHUNK):
            archive.write(chunk)
        archive.finish()
        yield archive
    finally:
        archive.close()


def home() -> Path:
    directory: Path = settings.TOWPATH_HOME / "artifacts"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return directory


def old(before: float) -> tuple[list[Path], list[Path]]:
    """Files that were written before this time: unfinished ones, and those in their place."""
    partial: list[Path] = []
    placed: list[Path] = []
    for file in home().iterdir():
        with suppress(FileNotFoundError):
            if file.stat().st_mtime < before:
                (partial if file.suffix == ".partial" else placed).append(file)
    return partial, placed


def remove(file: Path, *, before: float) -> None:
    """Take a file away, unless the same bytes came again as it was looked for."""
    aside = home() / f".{uuid.uuid4()}.partial"
    with suppress(FileNotFoundError):
        file.rename(aside)
        if aside.stat().st_mtime < before:
            aside.unlink()
        else:
            aside.rename(file)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _is_tar(path: Path) -> bool:
    """By the first header alone, of which no more is decompressed: behind it there may be anything."""
    with path.open("rb") as file:
        beginning = file.read(_CHUNK)
    for decompress in _DECOMPRESS:
        with suppress(tarfile.TarError, OSError, EOFError, ValueError, zlib.error, lzma.LZMAError):
            tarfile.TarInfo.frombuf(decompress(beginning)[: tarfile.BLOCKSIZE], tarfile.ENCODING, "surrogateescape")
            return True
    return False
