"""`towpath exec --instance DIR`: become the one program that DIR describes, with its environment and nothing else."""

import json
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
# By name: this runs before every step and service, and to import what unpacks archives takes longer than all the rest.
PLAIN_DUTIES = {
    "unpack": ("towpath.worker.unpacking", "unpack_from_spec"),
    "delete": ("towpath.worker.housekeeping", "delete_from_spec"),
    "measure": ("towpath.worker.housekeeping", "measure_from_spec"),
}


def main(arguments: list[str]) -> None:
    if len(arguments) != 2 or arguments[0] != "--instance":
        sys.exit("towpath exec --instance DIRECTORY: starts the program that the directory's spec.json describes")
    with open(os.path.join(arguments[1], "spec.json"), encoding="utf-8") as file:
        spec = json.load(file)
    os.umask(0o022)
    if "create" in spec:
        create(spec["create"])
    if spec["kind"] == "create":
        return
    if spec["kind"] in PLAIN_DUTIES:
        os.environ.clear()
        module, duty = PLAIN_DUTIES[spec["kind"]]
        sys.exit(getattr(import_module(module), duty)(spec))
    become(spec)


def create(place: str) -> None:
    """A new release directory: `work` holds what is unpacked, `home` and `tmp` belong to it and go with it.

    Made by whatever is the first to need it, because a process of its own would stand before every deployment.
    """
    os.mkdir(place, 0o700)
    for name in ("work", "home", "tmp"):
        os.mkdir(os.path.join(place, name), 0o700)


def become(spec: "dict[str, Any]") -> None:
    """Never returns: this process is replaced, with an environment that was made from nothing."""
    environment = {str(name): str(value) for name, value in spec["env"].items()}
    try:
        os.chdir(spec["directory"])
    except OSError as error:
        sys.exit(f"The release's directory cannot be entered: {error.strerror}")
    wrapper = [str(word) for word in spec.get("wrapper", [])]
    shell = ["/bin/sh", "-c", spec["run"]]
    command = [*wrapper, "/bin/sh", "-c", FIRST_PROCESS, "towpath", spec["run"]] if wrapper else shell
    os.execvpe(command[0], command, environment)
