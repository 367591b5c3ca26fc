"""What only the project's own uid can do with a release's directory: make it, weigh it, take it away."""

import json
import os
import shutil
import stat
from collections.abc import Callable
from typing import Any


def create_from_spec(spec: dict[str, Any]) -> int:
    """A new release directory: `work` holds what was unpacked, `home` and `tmp` belong to it and go with it."""
    os.mkdir(spec["into"], 0o700)
    for name in ("work", "home", "tmp"):
        os.mkdir(os.path.join(spec["into"], name), 0o700)
    return 0


def delete_from_spec(spec: dict[str, Any]) -> int:
    failures: list[str] = []

    def forced(function: Callable[..., Any], path: str, _: object) -> None:
        # A step may have taken its own right away; the owner can always give it back.
        try:
            os.chmod(os.path.dirname(path), stat.S_IRWXU)
            if os.path.isdir(path) and not os.path.islink(path):
                os.chmod(path, stat.S_IRWXU)
                shutil.rmtree(path, ignore_errors=True)
            else:
                function(path)
        except OSError as error:
            failures.append(f"{path}: {error.strerror}")

    for path in spec["paths"]:
        if os.path.lexists(path):
            shutil.rmtree(path, onerror=forced)
    left = [path for path in spec["paths"] if os.path.lexists(path)]
    for line in failures if left else []:
        print(line)
    return 1 if left else 0


def measure_from_spec(spec: dict[str, Any]) -> int:
    """Prints the bytes that the paths take on disk; a file with several names counts once."""
    total = 0
    seen: set[tuple[int, int]] = set()
    ahead = list(spec["paths"])
    while ahead:
        try:
            entries = list(os.scandir(ahead.pop()))
        except OSError:
            continue
        for entry in entries:
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if stat.S_ISDIR(status.st_mode):
                ahead.append(entry.path)
            elif (status.st_dev, status.st_ino) not in seen:
                if status.st_nlink > 1:
                    seen.add((status.st_dev, status.st_ino))
                total += status.st_blocks * 512
    print(json.dumps({"bytes": total}))
    return 0
