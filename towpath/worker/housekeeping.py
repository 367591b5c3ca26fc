"""What only the project's own uid can do with a release's directory: weigh it, take it away."""

import json
import os
import stat
import subprocess
from typing import Any


def delete_from_spec(spec: dict[str, Any]) -> int:
    """By `rm`, which goes as deep as any step has; the owner takes back the rights that a step took from itself."""
    paths = [path for path in spec["paths"] if os.path.lexists(path)]
    for command in (["rm", "-rf"], ["chmod", "-R", "u+rwX"], ["rm", "-rf"]):
        left = [path for path in paths if os.path.lexists(path)]
        if not left:
            return 0
        done = subprocess.run([*command, "--", *left], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    left = [path for path in paths if os.path.lexists(path)]
    if left:
        print(done.stdout[-4000:].decode(errors="replace"))
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
