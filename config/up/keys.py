"""Secrets of an installation, one file each, readable by its owner alone."""

import os
import secrets
from pathlib import Path


def directory(path: Path) -> Path:
    """A directory that only this user can enter, made when it is missing."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def write(path: Path, content: str) -> None:
    """Replace a 0600 file in one step, so that a crash leaves the old or the new one and never half of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def secret(home: Path, name: str) -> str:
    """The secret of that name, made at first use; its letters need no quoting in a URL or a configuration file."""
    path = directory(home / "keys") / name
    if not path.exists():
        write(path, secrets.token_urlsafe(36))
    return path.read_text().strip()
