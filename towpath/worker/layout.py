"""Where everything of one environment lies on disk."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class ProjectLayout:
    """One project's directory: the project's uid owns what it works with, never the directory that holds it."""

    root: Path

    @property
    def specs(self) -> Path:
        return self.root / "specs"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def releases(self) -> Path:
        return self.root / "releases"

    @property
    def uid(self) -> int:
        """The project's uid: told by a directory that only the project's uid (and root) could have been given."""
        return self.releases.stat().st_uid


@dataclass(frozen=True)
class Layout:
    root: Path

    @property
    def worker(self) -> Path:
        return self.root / "worker"

    @property
    def projects(self) -> Path:
        return self.root / "projects"

    @property
    def routes(self) -> Path:
        return self.root / "routes"

    @property
    def endpoints(self) -> Path:
        return self.root / "endpoints"

    @property
    def token(self) -> Path:
        return self.worker / "token"

    def project(self, key: str) -> ProjectLayout:
        return ProjectLayout(self.projects / safe_name(key))


def safe_name(name: str) -> str:
    """A name that came over the wire and becomes part of a path: refuse what could lead elsewhere."""
    if (
        not name
        or name.startswith(".")
        or len(name) > 120
        or not all(c.isascii() and (c.isalnum() or c in "._-") for c in name)
    ):
        raise ValueError(f"{name!r} cannot be used as a name on disk")
    return name


def write_atomically(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Readers see the old or the new text, never half of one, and the new one survives a power cut."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.rename(temporary, path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file of ours, or an empty one where there is none or it was cut short."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
