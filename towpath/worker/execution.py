"""`towpath exec --instance DIR`: become the one program that DIR describes, with its environment and nothing else.

It stands before every step and service. So it is also a script for an interpreter that has loaded nothing yet
(`python -I -S`), and a step's or service's file, `start`, is fields between NULs: what a kernel takes has none in it,
and to import what reads JSON takes as long as all the rest. Duties of our own are described in `spec.json`.
"""

import os
import sys
from importlib import import_module

TYPE_CHECKING = False  # to import what only a checker reads takes a tenth of the time that this may take
if TYPE_CHECKING:
    from typing import Any

# The first process of a pid namespace: it must not be the program itself, because the kernel drops signals that a
# first process has no handler for. The program is in the same process group and gets its TERM from the supervisor.
FIRST_PROCESS = (
    '/bin/sh -c "$1" & child=$!; trap : TERM INT HUP; '
    'while :; do wait "$child"; code=$?; kill -0 "$child" 2>/dev/null || exit "$code"; done'
)


def main(arguments: list[str]) -> None:
    if len(arguments) != 2 or arguments[0] != "--instance":
        sys.exit("towpath exec --instance DIRECTORY: starts the program that the directory describes")
    os.umask(0o022)
    try:
        with open(os.path.join(arguments[1], "start"), "rb") as file:
            start = file.read()
    except FileNotFoundError:
        sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
        sys.exit(import_module("towpath.worker.duties").do(os.path.join(arguments[1], "spec.json")))
    else:
        become(unpacked(start))


def create(place: str) -> None:
    """A new release directory: `work` holds what is unpacked, `home` and `tmp` belong to it and go with it.

    Made by whatever is the first to need it, because a process of its own would stand before every deployment.
    """
    os.mkdir(place, 0o700)
    for name in ("work", "home", "tmp"):
        os.mkdir(os.path.join(place, name), 0o700)


def become(spec: "dict[str, Any]") -> None:
    """Never returns: this process is replaced, with an environment that was made from nothing."""
    if spec["create"]:
        create(spec["create"])
    try:
        os.chdir(spec["directory"])
    except OSError as error:
        sys.exit(f"The release's directory cannot be entered: {error.strerror}")
    wrapper, shell = spec["wrapper"], ["/bin/sh", "-c", spec["run"]]
    command = [*wrapper, "/bin/sh", "-c", FIRST_PROCESS, "towpath", spec["run"]] if wrapper else shell
    os.execvpe(command[0], command, spec["env"])


def packed(spec: "dict[str, Any]") -> bytes:
    """`{directory, run, env, wrapper, create}`, the last two optional, as `start` holds it; ValueError for what no
    program can be started with.
    """
    wrapper = spec.get("wrapper", [])
    if any(not name or "=" in name for name in spec["env"]):
        raise ValueError("a variable needs a name, and one without =")
    pairs = [f"{name}={value}" for name, value in spec["env"].items()]
    fields = [spec.get("create", ""), spec["directory"], spec["run"], str(len(wrapper)), *wrapper, *pairs]
    if any("\0" in field for field in fields):
        raise ValueError("a command or variable holds a NUL")
    return "\0".join(fields).encode("utf-8", "surrogateescape")


def unpacked(start: bytes) -> "dict[str, Any]":
    """The inverse of `packed`; ValueError for what is not whole."""
    place, directory, run, words, *rest = start.decode("utf-8", "surrogateescape").split("\0")
    wrapper, pairs = rest[: int(words)], rest[int(words) :]
    env = dict(pair.split("=", 1) for pair in pairs)
    return {"create": place, "directory": directory, "run": run, "wrapper": wrapper, "env": env}


if __name__ == "__main__":
    main(sys.argv[1:])
