"""Secrets of an installation, one file each, readable by its owner alone."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from config.up.errors import CannotStart


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
    sync(path.parent)


def secret(home: Path, name: str) -> str:
    """The secret of that name, made at first use; its letters need no quoting in a URL or a configuration file.

    Of several processes that make it at once one wins, and nobody ever reads half of it, not even after a power cut.
    """
    path = directory(home / "keys") / name
    if not path.exists():
        draft = path.with_name(f".{name}.{secrets.token_hex(8)}")
        write(draft, secrets.token_urlsafe(48))
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
        sync(path.parent)
    found = path.read_text().strip()
    if not found:
        raise CannotStart(
            f"{path} is empty. Put it back from a backup: what was sealed or locked with it opens with nothing else."
        )
    return found


def sync(path: Path) -> None:
    """Names survive a power cut only when their directory is written, too."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
