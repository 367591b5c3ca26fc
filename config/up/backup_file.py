"""The file that a backup is: a tar of the database, the artifacts, a manifest of both, and the sealed keys.

The keys are sealed together with the manifest, and the manifest holds a digest of everything else: whoever opens the
keys has proven the whole file. Manifest and keys stand at its end, so that a file that was cut has neither.
"""

import hashlib
import io
import json
import os
import re
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from config.up import keys, passphrase
from config.up.errors import CannotStart

FORMAT = 1
BEGINNING, DATABASE, MANIFEST, KEYS = "towpath-backup", "database.dump", "manifest.json", "keys.sealed"
ARTIFACT = re.compile(r"artifacts/([0-9a-f]{64})")
BLOCK = 1 << 20
# Of what is read into memory; a file that says otherwise is none of ours.
LARGEST = 64 << 20


class Reading:
    """A stream that digests what is read from it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        block = self.stream.read(size)
        self.digest.update(block)
        return block


class Writer:
    """Adds the parts in their order; `manifest` is completed as it goes."""

    def __init__(self, stream: IO[bytes], manifest: dict[str, Any]) -> None:
        self.tar = tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115 closed by `end`
        self.manifest = {"format": FORMAT, **manifest, "artifacts": {}, "damaged": []}
        self._add(BEGINNING, json.dumps({"format": FORMAT}).encode())

    def database(self, path: Path) -> None:
        self.manifest["database"] = self._add_file(DATABASE, path)

    def artifact(self, sha256: str, path: Path) -> bool:
        """False where its bytes are not there, or not those that its name promises."""
        try:
            told = self._add_file(f"artifacts/{sha256}", path)
        except FileNotFoundError:
            self.manifest["damaged"].append(sha256)
            return False
        self.manifest["artifacts"][sha256] = told
        if told["sha256"] != sha256:
            self.manifest["damaged"].append(sha256)
        return bool(told["sha256"] == sha256)

    def end(self, secrets: dict[str, str], phrase: str) -> None:
        manifest = json.dumps(self.manifest, indent=1).encode()
        self._add(MANIFEST, manifest)
        self._add(KEYS, passphrase.seal(json.dumps(secrets).encode(), phrase, about=manifest))
        self.tar.close()

    def _add(self, name: str, content: bytes) -> None:
        self.tar.addfile(_described(name, len(content)), io.BytesIO(content))

    def _add_file(self, name: str, path: Path) -> dict[str, Any]:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            reading = Reading(file)
            self.tar.addfile(_described(name, size), reading)
        return {"size": size, "sha256": reading.digest.hexdigest()}


def _described(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o600, int(time.time())
    return member


@contextmanager
def written(path: Path) -> Iterator[IO[bytes]]:
    """A 0600 file that is there under its name when it is whole, and before that under none."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.partial")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        # Not `replace`: a backup that somebody has made meanwhile is not written over.
        os.link(draft, path)
        keys.sync(path.parent)
    except FileExistsError:
        raise CannotStart(f"{path} is there already; name another file.") from None
    finally:
        draft.unlink(missing_ok=True)


class Backup:
    """A backup that was read through and is whole; `secrets` are the keys by name."""

    def __init__(self, path: Path, phrase: str) -> None:
        self.path = path
        self.size = path.stat().st_size
        try:
            self._tar = tarfile.open(path, "r:")  # noqa: SIM115 closed by `close`
        except tarfile.ReadError:
            raise CannotStart(f"{path} is not a backup of Towpath.") from None
        try:
            self._read(phrase)
        except (tarfile.TarError, EOFError):
            self.close()
            raise CannotStart(f"{path} is not whole: it ends in the middle. Nothing was changed.") from None
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._tar.close()

    def _read(self, phrase: str) -> None:
        first = self._tar.next()
        if first is None or first.name != BEGINNING:
            raise CannotStart(f"{self.path} is not a backup of Towpath.")
        began = _object(self._bytes(first))
        if began.get("format") != FORMAT:
            raise CannotStart(
                f"{self.path} was made by another version of Towpath (format {began.get('format')}, known here is "
                f"{FORMAT}); restore it with that version or a later one."
            )
        self.members = {member.name: member for member in self._tar if member.isreg()}
        if KEYS not in self.members or MANIFEST not in self.members:
            raise CannotStart(f"{self.path} is not whole: its end is missing. Nothing was changed.")
        manifest = self._bytes(self.members[MANIFEST])
        self.secrets: dict[str, str] = _object(
            passphrase.unseal(self._bytes(self.members[KEYS]), phrase, about=manifest)
        )
        self.manifest = _object(manifest)
        self._check(DATABASE, self.manifest["database"])
        for sha256, told in self.manifest["artifacts"].items():
            self._check(f"artifacts/{sha256}", told)

    def _check(self, name: str, told: dict[str, Any]) -> None:
        member = self.members.get(name)
        digest = hashlib.sha256()
        if member is not None and member.size == told["size"]:
            for block in self._blocks(member):
                digest.update(block)
        if digest.hexdigest() != told["sha256"]:
            raise CannotStart(f"{self.path} is damaged: {name} is not what was backed up. Nothing was changed.")

    def copy(self, name: str, into: Path) -> None:
        """Write a member that was checked into a new 0600 file."""
        descriptor = os.open(into, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            for block in self._blocks(self.members[name]):
                file.write(block)
            file.flush()
            os.fsync(file.fileno())

    def _blocks(self, member: tarfile.TarInfo) -> Iterator[bytes]:
        stream = self._tar.extractfile(member)
        assert stream is not None
        with stream:
            while block := stream.read(BLOCK):
                yield block

    def _bytes(self, member: tarfile.TarInfo) -> bytes:
        if not member.isreg() or member.size > LARGEST:
            raise CannotStart(f"{self.path} is not a backup of Towpath.")
        return b"".join(self._blocks(member))


def _object(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise CannotStart("This is not a backup of Towpath: its description is not readable.")
    return found
